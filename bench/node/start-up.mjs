// What it takes to begin: from the flags' JSON text to the first answer, and the memory that stays.
import { say, table } from '../sql/report.mjs';
import { COUNTS, FAUNA, load, PEERS } from './products.mjs';
import { open } from './processes.mjs';
import { median } from './statistics.mjs';

const PRODUCTS = [FAUNA, ...PEERS];

// A new process for every sample.
export async function measureStartUp(samples) {
  const found = new Map();
  for (let sample = 0; sample < samples; sample += 1) {
    for (const flagCount of COUNTS) {
      for (const product of PRODUCTS) {
        const subject = open(product, flagCount);
        try {
          const key = `${product} ${flagCount}`;
          found.set(key, [...(found.get(key) ?? []), await subject.ask('startUp')]);
        } finally {
          await subject.close();
        }
      }
    }
  }
  return (product, flagCount, what) => median(found.get(`${product} ${flagCount}`).map((result) => result[what]));
}

const kib = (bytes) => (bytes / 1024).toFixed(0);

export async function printStartUp(of, samples) {
  const columns = (what, show) => COUNTS.map((count) => [count, what, show]);
  say(`Start-up: milliseconds from JSON text to the first answer, KiB held then, KiB held after each flag was asked for once (medians of ${samples} processes)`);
  say();
  const cells = [...columns('ms', (ms) => ms.toFixed(1)), ...columns('held', kib), ...columns('used', kib), ...columns('json', kib)];
  const titles = { ms: 'ms', held: 'KiB', used: 'used', json: 'JSON' };
  const rows = [];
  for (const product of PRODUCTS) rows.push([(await load(product)).name, ...cells.map(([count, what, show]) => show(of(product, count, what)))]);
  table(['flags', ...cells.map(([count, what]) => `${count} ${titles[what]}`)], rows);
}
