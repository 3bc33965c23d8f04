// Sessions, and what a statement takes in them.
//
// Times are the server's own: `log_statement_stats` has it count each statement from its arrival to its end, parsing and
// planning included, and `client_min_messages` has it sent here. That leaves out the network and this process, and needs
// no EXPLAIN ANALYZE, whose clocks cost more than a cheap row does. What is compared is processor time, user and system: a
// scan of a table in memory waits for nothing, and what others run on the machine is not charged to it. Elapsed time is
// there as well, and main.mjs prints how far the two were apart.
import pg from 'pg';

const settings = {
  max_parallel_workers_per_gather: '0',
  jit: 'off',
  synchronize_seqscans: 'off',
  log_statement_stats: 'on',
  client_min_messages: 'log',
};
const options = Object.entries(settings)
  .map(([name, value]) => `-c ${name}=${value}`)
  .join(' ');
const usage = /([\d.]+) s user, ([\d.]+) s system, ([\d.]+) s elapsed/;

export function address(database) {
  const url = new URL(process.env.DATABASE_URL);
  url.pathname = `/${database}`;
  return url.href;
}

export async function session(database) {
  const client = new pg.Client({ connectionString: address(database), options });
  await client.connect();
  let times = [];
  client.on('notice', ({ message, detail }) => {
    const seconds = message === 'QUERY STATISTICS' && usage.exec(detail);
    if (seconds) times.push(seconds.slice(1).map(Number));
  });
  return {
    // Runs one statement. Resolves to its rows and to the microseconds it took, of the processor and of the clock.
    async timed(sql) {
      times = [];
      const { rows } = await client.query(sql);
      if (times.length !== 1) throw new Error(`the server sent ${times.length} times for: ${sql.slice(0, 80)}`);
      const [user, system, elapsed] = times[0];
      return { rows, us: (user + system) * 1e6, elapsedUs: elapsed * 1e6 };
    },
    async run(sql) {
      return (await client.query(sql)).rows;
    },
    // The one value of the one row.
    async value(sql) {
      return Object.values((await client.query(sql)).rows[0])[0];
    },
    end: () => client.end(),
  };
}

export function median(samples) {
  const sorted = samples.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

// The median of the quotients of two series that were taken in turn. A machine that is slow for some seconds is so for both;
// medians of each alone would be of different moments. Two runs of one statement come out within 2 % of each other.
export function medianRatio(samples, others) {
  return median(samples.map((sample, round) => sample / others[round]));
}

// Runs every subject once in every round, in turn, each round beginning with another one. Resolves to the subjects' samples,
// in their order. The first round does not count.
export async function inTurn(subjects, rounds) {
  const samples = subjects.map(() => []);
  for (let round = -1; round < rounds; round++) {
    for (let turn = 0; turn < subjects.length; turn++) {
      const index = (turn + round + 1) % subjects.length;
      const sample = await subjects[index]();
      if (round >= 0) samples[index].push(sample);
    }
  }
  return samples;
}

// The same, resolving to medians; what a subject resolves to is a number or several by name.
export async function alternate(subjects, rounds) {
  return (await inTurn(subjects, rounds)).map((all) =>
    typeof all[0] === 'number'
      ? median(all)
      : Object.fromEntries(Object.keys(all[0]).map((name) => [name, median(all.map((sample) => sample[name]))])),
  );
}
