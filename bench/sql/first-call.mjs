// The first call in a fresh connection: the extension's library is not loaded, the catalogs are not cached, no flag is
// compiled. Beside it the least that a C function and one lookup by primary key need there.
import { alternate, session } from './session.mjs';
import { ratio, say, table, whole } from './report.mjs';

const context = `'{"targetingKey": "31337", "country": "CA", "plan": "pro", "age": 42}'`;

export async function measureFirstCall(database, connections) {
  const first = (sql) => async () => {
    const fresh = await session(database);
    const { us } = await fresh.timed(sql);
    await fresh.end();
    return us;
  };
  const names = ['nothing', 'baseline', 'inhouse', 'fauna'];
  const medians = await alternate(
    [
      first('SELECT 1'),
      first(`SELECT bench.empty('three', ${context}), (SELECT c.context FROM bench.contexts c WHERE c.id = 31)`),
      first(`SELECT inhouse.enabled('three', ${context})`),
      first(`SELECT fauna.enabled('three', ${context})`),
    ],
    connections,
  );
  return Object.fromEntries(names.map((name, index) => [name, medians[index]]));
}

export function printFirstCall(first, connections) {
  say(`First statement of a fresh connection, microseconds of the processor (${connections} connections each)`);
  say();
  table(
    ['', 'us', 'ratio'],
    [
      ['SELECT 1', first.nothing],
      ['empty C function and a primary-key lookup', first.baseline],
      ['in-house PL/pgSQL', first.inhouse],
      ['fauna.enabled', first.fauna],
    ].map(([name, us]) => [name, whole(us), ratio(us, first.baseline)]),
  );
}
