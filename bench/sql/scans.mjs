// Every audience against every user: nanoseconds per row of `SELECT count(*) … WHERE …`, the scan itself included.
import { inTurn, median, medianRatio } from './session.mjs';
import { shapes } from './shapes.mjs';
import { say, table, times, whole } from './report.mjs';

// The PL/pgSQL function is so slow that a part of the users has to do; what they cost does not depend on their number.
const sampleOf = (users) => Math.max(1000, Math.floor(users / 50));

export async function measureScans(db, users, rounds) {
  const sample = sampleOf(users);
  const empty = [];
  for (const table of ['contexts', 'users']) empty.push({ table, ...lineOf(`bench.${table}`, '', users) });
  const plans = [];
  for (const shape of shapes) plans.push({ shape, lines: await linesOf(db, shape, users, sample) });

  const all = [...empty, ...plans.flatMap(({ lines }) => Object.values(lines))];
  for (const line of all) line.count = await countOf(db, line);
  for (const { shape, lines } of plans) checkCounts(shape, lines, users);
  const spent = { us: 0, elapsedUs: 0 };
  const time = async ({ sql }) => {
    const { us, elapsedUs } = await db.timed(sql);
    spent.us += us;
    spent.elapsedUs += elapsedUs;
    return us;
  };
  const samples = await inTurn(
    all.map((line) => () => time(line)),
    rounds,
  );
  for (const [index, line] of all.entries()) {
    line.samples = samples[index].map((us) => (us * 1000) / line.rows);
    line.ns = median(line.samples);
  }

  return {
    sample,
    empty,
    elapsed: spent.elapsedUs / spent.us,
    shapes: plans.map(({ shape, lines }) => ({ ...shape, lines })),
  };
}

// How many times another line's time a line takes; what is compared runs side by side, see linesOf.
export const ratioOf = (line, other) => line && other && medianRatio(line.samples, other.samples);

const lineOf = (from, where, rows) => ({ rows, sql: `SELECT count(*) FROM ${from}${where && ` WHERE ${where}`}` });

async function linesOf(db, { key, percent, overJsonb, overColumns, exact }, users, sample) {
  const [jsonb, row, empty] = percent
    ? ['enabled', 'enabled_row', 'enabled']
    : ['in_audience', 'in_audience_row', 'in_audience'];
  const part = `(SELECT * FROM bench.contexts ORDER BY id LIMIT ${sample}) c`;
  const lines = {
    jsonbByHand: lineOf('bench.contexts', overJsonb, users),
    jsonb: lineOf('bench.contexts', `fauna.${jsonb}('${key}', context)`, users),
    jsonbEmpty: lineOf('bench.contexts', `bench.empty('${key}', context)`, users),
    inhouse: lineOf(part, `inhouse.${empty}('${key}', context)`, sample),
    inhouseByHand: lineOf(part, overJsonb, sample),
    row: lineOf('bench.users u', `fauna.${row}('${key}', u)`, users),
    rowByHand: lineOf('bench.users', overColumns, users),
  };
  const rowEmpty = lineOf('bench.users u', `bench.empty_row('${key}', u)`, users);
  if (percent) return { ...lines, exact: lineOf('bench.users', exact, users), rowEmpty };
  const predicate = await db.value(`SELECT fauna.audience_sql(audience => '${key}', relation => 'bench.users')`);
  const counted = {
    rows: users,
    sql: `SELECT fauna.count_audience(audience => '${key}', relation => 'bench.users') AS count`,
  };
  return { ...lines, predicate: lineOf('bench.users', predicate, users), counted, rowEmpty };
}

const countOf = async (db, line) => Number(await db.value(line.sql));

// The same meaning has to give the same count. By hand a rollout has another hash: then as many, give or take six times
// the standard deviation of that.
function checkCounts({ name, percent }, lines, users) {
  const same = (...names) => {
    const counts = names.filter((line) => lines[line]).map((line) => lines[line].count);
    if (counts.some((count) => count !== counts[0]))
      throw new Error(`${name}: ${names.join(', ')} count ${counts.join(', ')}`);
  };
  if (percent) {
    same('jsonb', 'row', 'exact');
    same('jsonbByHand', 'rowByHand');
    const difference = Math.abs(lines.jsonb.count - lines.jsonbByHand.count);
    if (difference > 6 * Math.sqrt(2 * lines.jsonb.count))
      throw new Error(`${name}: the rollouts differ by ${difference} users`);
  } else {
    same('jsonb', 'jsonbByHand', 'row', 'rowByHand', 'predicate', 'counted');
  }
  same('inhouse', 'inhouseByHand');
  const { count } = lines.jsonb;
  if (count < users / 50 || count > users / 1.2)
    throw new Error(`${name}: ${count} of ${users} users are no audience to measure with`);
}

export function printScans(scans, users) {
  say('Nanoseconds of the processor per row of SELECT count(*) FROM … WHERE …, the scan included');
  say(`(the clock went on for ${scans.elapsed.toFixed(2)} times that: 1 is a machine with nothing else to do)`);
  say();
  for (const { table: name, ns } of scans.empty) say(`empty scan of bench.${name}: ${whole(ns)}`);
  say();
  table(
    ['over jsonb', 'matching', 'by hand', 'fauna', 'ratio', 'empty C', 'ratio', 'PL/pgSQL', 'ratio'],
    scans.shapes.map(({ name, lines }) => [
      name,
      `${((100 * lines.jsonb.count) / users).toFixed(0)} %`,
      whole(lines.jsonbByHand.ns),
      whole(lines.jsonb.ns),
      times(ratioOf(lines.jsonb, lines.jsonbByHand)),
      whole(lines.jsonbEmpty.ns),
      times(ratioOf(lines.jsonb, lines.jsonbEmpty)),
      whole(lines.inhouse.ns),
      times(ratioOf(lines.inhouse, lines.jsonb)),
    ]),
  );
  table(
    [
      'over columns',
      'by hand',
      'fauna row',
      'ratio',
      'empty C',
      'ratio',
      'audience_sql',
      'ratio',
      'count_audience',
      'ratio',
    ],
    scans.shapes.map(({ name, lines }) => [
      name,
      whole(lines.rowByHand.ns),
      whole(lines.row.ns),
      times(ratioOf(lines.row, lines.rowByHand)),
      whole(lines.rowEmpty.ns),
      times(ratioOf(lines.row, lines.rowEmpty)),
      whole(lines.predicate?.ns),
      times(ratioOf(lines.predicate, lines.rowByHand)),
      whole(lines.counted?.ns),
      times(ratioOf(lines.counted, lines.rowByHand)),
    ]),
  );
  const { exact, rowByHand } = scans.shapes.find(({ percent }) => percent).lines;
  say(
    `by hand, but with fauna.bucket() for the rollout: ${whole(exact.ns)}, ${times(ratioOf(exact, rowByHand))} of hashtextextended()`,
  );
  say();
}
