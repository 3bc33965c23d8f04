// From COMMIT to the Node client's `change` event, against the least that PostgreSQL itself needs: a bare NOTIFY that
// reaches a LISTENing session. Both are timed in one process and in turn, so that they share the machine's weather.
//
// Shape: `node latency.mjs [rounds]`, with DATABASE_URL, FAUNA_URL and FAUNA_SERVER_KEY in the environment (`make
// bench-latency` sets them). Prints medians and 95th percentiles in milliseconds, and their ratio. The clock starts
// when COMMIT is sent, so the figure holds everything that a flag change costs after the statement itself: compiling
// and stamping at commit, the log's flush, the bridge's catch-up, the stream and the client's update.
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

// Times `statement` + COMMIT until `arrival` resolves; the statement itself is not counted.
async function timed(writer, statement, arrival) {
  await writer.query('BEGIN');
  await writer.query(statement);
  const arrived = arrival();
  const start = performance.now();
  const committed = writer.query('COMMIT');
  await arrived;
  const elapsed = performance.now() - start;
  await committed;
  return elapsed;
}

const quantile = (sorted, q) => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];

const writer = await session();
const listener = await session();
await listener.query('LISTEN bench_latency');
await writer.query('SELECT fauna.create_flag($1)', [flag]);
const fauna = await createClient({ url: FAUNA_URL, key: FAUNA_SERVER_KEY });

const bare = [];
const change = [];
try {
  for (let round = -warmUp; round < rounds; round++) {
    const notified = await timed(
      writer,
      `NOTIFY bench_latency, '{"environment":"production","epoch":"00000000-0000-0000-0000-000000000000","revision":${round}}'`,
      () => new Promise((resolve) => listener.once('notification', resolve)),
    );
    const enabled = round % 2 === 0;
    const changed = await timed(
      writer,
      `UPDATE fauna.flag_settings SET enabled = ${enabled} WHERE flag_key = '${flag}' AND environment_key = 'production'`,
      () => new Promise((resolve) => {
        const off = fauna.on('change', (event) => {
          if (!event.keys.includes(flag)) return;
          off();
          resolve();
        });
      }),
    );
    if (fauna.boolean(flag, {}, !enabled) !== enabled) throw new Error('the client holds another value than was committed');
    if (round >= 0) {
      bare.push(notified);
      change.push(changed);
    }
  }
} finally {
  fauna.close();
  await writer.query('DELETE FROM fauna.flags WHERE key = $1', [flag]);
  await writer.end();
  await listener.end();
}

bare.sort((a, b) => a - b);
change.sort((a, b) => a - b);
const row = (name, sorted) =>
  `${name.padEnd(34)} ${quantile(sorted, 0.5).toFixed(2).padStart(8)} ${quantile(sorted, 0.95).toFixed(2).padStart(8)}`;
console.log(`${rounds} rounds, ms from COMMIT sent   ${'median'.padStart(8)} ${'p95'.padStart(8)}`);
console.log(row('bare NOTIFY -> LISTEN', bare));
console.log(row('flag -> change event in Node', change));
console.log(`ratio of the medians ${(quantile(change, 0.5) / quantile(bare, 0.5)).toFixed(2)}`);
