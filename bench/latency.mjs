// From a commit to the Node client's `change` event, against the least that PostgreSQL itself needs: the round trip of a
// bare NOTIFY to a LISTENing session. All rows are timed in one process and in turn, so that they share the machine's weather.
//
// `node latency.mjs [rounds]`, with DATABASE_URL, FAUNA_URL and FAUNA_SERVER_KEY in the environment (`make bench-latency`
// sets them). Prints medians and 95th percentiles in milliseconds, and ratios.
//
// "Commit" is when PostgreSQL has committed and says so: what somebody in psql sees. Before it lies what the change itself
// costs (it is compiled, stamped and flushed to disk), and a bare NOTIFY does none of that: PostgreSQL does not even flush
// its log for one. So the time from sending COMMIT is shown as well, beside an UPDATE of an ordinary row with a NOTIFY, which
// is flushed.
import { createClient } from '@fauna-flags/node';
import pg from 'pg';

const rounds = Number(process.argv[2] ?? 300);
const warmUp = 30;
const { DATABASE_URL, FAUNA_URL, FAUNA_SERVER_KEY } = process.env;
const flag = `bench-latency-${process.pid}`;

async function session() {
  const client = new pg.Client({ connectionString: DATABASE_URL });
  await client.connect();
  return client;
}

// Runs `statements` in a transaction. Resolves to the milliseconds from sending COMMIT, and from its acknowledgement, until
// `arrival` has resolved; the statements themselves are not counted.
async function timed(writer, statements, arrival) {
  await writer.query('BEGIN');
  for (const statement of statements) await writer.query(statement);
  const arrived = arrival().then(() => performance.now());
  const sent = performance.now();
  await writer.query('COMMIT');
  const acknowledged = performance.now();
  const at = await arrived;
  return { fromSent: at - sent, fromCommit: at - acknowledged };
}

const quantile = (sorted, q) => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];

const writer = await session();
const listener = await session();
await listener.query('LISTEN bench_latency');
await writer.query('SELECT fauna.create_flag($1)', [flag]);
const fauna = await createClient({ url: FAUNA_URL, key: FAUNA_SERVER_KEY });

const payload = (round) => `{"environment":"production","epoch":"00000000-0000-0000-0000-000000000000","revision":${round}}`;
const notified = () => new Promise((resolve) => listener.once('notification', resolve));
const changed = () =>
  new Promise((resolve) => {
    const off = fauna.on('change', (event) => {
      if (!event.keys.includes(flag)) return;
      off();
      resolve();
    });
  });

const bare = [];
const durable = [];
const change = [];
try {
  await writer.query('CREATE TABLE bench_latency_ordinary AS SELECT 0 AS round');
  for (let round = -warmUp; round < rounds; round++) {
    const notify = `NOTIFY bench_latency, '${payload(round)}'`;
    const enabled = round % 2 === 0;
    const results = [
      await timed(writer, [notify], notified),
      await timed(writer, [`UPDATE bench_latency_ordinary SET round = ${round}`, notify], notified),
      await timed(
        writer,
        [`UPDATE fauna.flag_settings SET enabled = ${enabled} WHERE flag_key = '${flag}' AND environment_key = 'production'`],
        changed,
      ),
    ];
    if (fauna.boolean(flag, {}, !enabled) !== enabled) throw new Error('the client holds another value than was committed');
    if (round >= 0) [bare, durable, change].forEach((rows, index) => rows.push(results[index]));
  }
} finally {
  fauna.close();
  await writer.query('DROP TABLE IF EXISTS bench_latency_ordinary');
  await writer.query('DELETE FROM fauna.flags WHERE key = $1', [flag]);
  await writer.end();
  await listener.end();
}

function row(name, samples) {
  const sorted = samples.toSorted((a, b) => a - b);
  const median = quantile(sorted, 0.5);
  console.log(`${name.padEnd(58)} ${median.toFixed(2).padStart(8)} ${quantile(sorted, 0.95).toFixed(2).padStart(8)}`);
  return median;
}
console.log(`${`${rounds} rounds, milliseconds`.padEnd(58)} ${'median'.padStart(8)} ${'p95'.padStart(8)}`);
const roundTrip = row('bare NOTIFY -> LISTEN, round trip', bare.map((r) => r.fromSent));
const fromCommit = row('flag: committed -> change event in Node', change.map((r) => r.fromCommit));
const durableSent = row('UPDATE + NOTIFY -> LISTEN, from COMMIT sent', durable.map((r) => r.fromSent));
const fromSent = row('flag: COMMIT sent -> change event in Node', change.map((r) => r.fromSent));
console.log(`committed -> change event / bare round trip: ${(fromCommit / roundTrip).toFixed(2)}`);
console.log(`COMMIT sent -> change event / flushed UPDATE + NOTIFY: ${(fromSent / durableSent).toFixed(2)}`);
