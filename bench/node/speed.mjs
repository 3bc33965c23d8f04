// Nanoseconds per evaluation.
import { times, table, say, whole } from '../sql/report.mjs';
import { COUNTS, FAUNA, FAUNA_DETAILS, FLOOR, load, PEERS, RULES } from './products.mjs';
import { open } from './processes.mjs';
import { median, medianRatio } from './statistics.mjs';

const PRODUCTS = [FLOOR, FAUNA, FAUNA_DETAILS, ...PEERS];

// All processes stay alive; in every round each has its turn, every round beginning with another one, and nobody else runs.
export async function measureSpeed(rounds) {
  const subjects = [];
  for (const flagCount of COUNTS) for (const product of PRODUCTS) subjects.push({ ...open(product, flagCount), ns: {} });
  try {
    for (const subject of subjects) await subject.ask('prepare');
    for (let round = 0; round < rounds; round += 1) {
      for (const rule of Object.keys(RULES)) {
        for (let turn = 0; turn < subjects.length; turn += 1) {
          const subject = subjects[(turn + round * 7) % subjects.length];
          (subject.ns[rule] ??= []).push(await subject.ask('round', rule));
        }
      }
    }
  } finally {
    await Promise.all(subjects.map((subject) => subject.close()));
  }
  return (product, flagCount, rule) => subjects.find((subject) => subject.product === product && subject.flagCount === flagCount).ns[rule];
}

export async function printSpeed(of, rounds) {
  say(`Nanoseconds per evaluation; medians of ${rounds} rounds, in turn`);
  say();
  for (const [rule, title] of Object.entries(RULES)) {
    const head = [title, ...COUNTS.flatMap((count) => [`${count} flag${count === 1 ? '' : 's'}`, 'by hand', 'Fauna'])];
    const rows = [];
    for (const product of PRODUCTS) {
      const { name } = await load(product);
      const cells = COUNTS.flatMap((count) => {
        const ns = of(product, count, rule);
        return [whole(median(ns)), times(medianRatio(ns, of(FLOOR, count, rule))), times(medianRatio(ns, of(FAUNA, count, rule)))];
      });
      rows.push([name, ...cells]);
    }
    table(head, rows);
  }
}
