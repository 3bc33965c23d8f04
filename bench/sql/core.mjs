// fauna-core beside unleash-yggdrasil: bench/core does the measuring.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { ratio, say, table, whole } from './report.mjs';

export async function measureCore(rounds) {
  const { stdout } = await promisify(execFile)(process.env.FAUNA_BENCH_CORE, [String(rounds)]);
  const lines = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  return { rules: lines.filter(({ part }) => part === 'rules'), growth: lines.filter(({ part }) => part === 'growth') };
}

export function printCore(core, rounds) {
  say(`fauna-core and unleash-yggdrasil in one process, nanoseconds per evaluation (medians of ${rounds} rounds)`);
  say();
  table(
    ['rule', 'flags', 'asked for', 'fauna-core', 'yggdrasil', 'ratio'],
    [...core.rules, ...core.growth].map(({ rule, flags: among, pick, faunaNs, yggdrasilNs }) => [
      rule,
      among,
      pick === 'one' ? 'one flag' : 'each in turn',
      whole(faunaNs),
      whole(yggdrasilNs),
      ratio(faunaNs, yggdrasilNs),
    ]),
  );
}
