// The databases: one for each number of flags, with the same flags to measure and users to evaluate.
import { readFileSync } from 'node:fs';
import { attributes, shapes } from './shapes.mjs';
import { session } from './session.mjs';

export const databaseOf = (flags) => `bench_${flags}`;

const sqlFile = (name) => readFileSync(new URL(name, import.meta.url), 'utf8');
const literal = (text) => `'${text.replaceAll("'", "''")}'`;
const texts = (values) => `ARRAY[${values.map(literal)}]::text[]`;

export async function makeDatabase(flags, users) {
  const postgres = await session('postgres');
  await postgres.run(`CREATE DATABASE ${databaseOf(flags)}`);
  await postgres.end();
  const db = await session(databaseOf(flags));
  await db.run(sqlFile('schema.sql'));
  await db.run(sqlFile('inhouse.sql'));
  await db.run(`SELECT bench.make_users(${users})`);
  await makeFlags(db, flags);
  await db.run('VACUUM (FREEZE, ANALYZE)');
  await db.run("SELECT pg_prewarm('bench.users'), pg_prewarm('bench.contexts')");
  await db.run('CHECKPOINT');
  return db;
}

// The flags that are measured, and others until there are `flags`.
async function makeFlags(db, flags) {
  await db.run("SELECT fauna.create_environment('production')");
  const names = new Set(shapes.flatMap(({ conditions }) => conditions.map(([attribute]) => attribute)));
  for (const name of names) await db.run(`SELECT fauna.create_attribute('${name}', '${attributes[name] ?? 'string'}')`);
  for (const { key, conditions, percent } of shapes) {
    await db.run(`SELECT fauna.create_audience('${key}'); INSERT INTO inhouse.audiences VALUES ('${key}')`);
    for (const [position, [attribute, operator, values, , , inhouse = operator]] of conditions.entries()) {
      await db.run(`SELECT fauna.add_condition('${key}', '${attribute}', '${operator}', ${texts(values)})`);
      const condition = JSON.stringify({ attribute, operator: inhouse, values });
      await db.run(`INSERT INTO inhouse.conditions VALUES ('${key}', ${position}, ${literal(condition)})`);
    }
    await db.run(`SELECT fauna.create_flag('${key}')`);
    await db.run(`SELECT fauna.rollout('${key}', 0), fauna.rollout('${key}', ${percent ?? 100}, audience => '${key}')`);
    await db.run(`SELECT fauna.enable('${key}')`);
    await db.run(`INSERT INTO inhouse.flags VALUES ('${key}', true, '${key}', ${percent ?? 100})`);
  }
  await db.run(`SELECT bench.make_fillers(${flags - shapes.length}), inhouse.make_fillers(${flags - shapes.length})`);
  const documents = Number(await db.value("SELECT count(*) FROM fauna.documents WHERE kind = 'flag'"));
  if (documents !== flags) throw new Error(`there are ${documents} flags instead of ${flags}`);
}
