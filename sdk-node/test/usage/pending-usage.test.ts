import { expect, test } from 'vitest';
import { MAX_PENDING, PendingUsage } from '../../src/usage/pending-usage.ts';

const NOON = Date.parse('2026-01-01T12:00:00Z');
const MINUTE = 60_000;

test('counts of the same flag, variant and hour are one', () => {
  const pending = new PendingUsage();
  pending.add([{ flag: 'a', variant: 'on', evaluations: 1 }], NOON);
  pending.add([{ flag: 'a', variant: 'on', evaluations: 2 }], NOON + 59 * MINUTE);
  expect(pending.take(10)).toEqual([{ flag: 'a', variant: 'on', hourMs: NOON, evaluations: 3 }]);
  expect(pending.isEmpty).toBe(true);
});

test('another flag, variant or hour is another count', () => {
  const pending = new PendingUsage();
  pending.add([{ flag: 'a', variant: 'on', evaluations: 1 }], NOON);
  pending.add([{ flag: 'a', variant: undefined, evaluations: 1 }], NOON);
  pending.add([{ flag: 'b', variant: 'on', evaluations: 1 }], NOON);
  pending.add([{ flag: 'a', variant: 'on', evaluations: 1 }], NOON + 60 * MINUTE);
  expect(pending.take(10)).toHaveLength(4);
});

test('what is taken is taken in the order it came, and comes back when it is restored', () => {
  const pending = new PendingUsage();
  pending.add(
    ['a', 'b', 'c'].map((flag) => ({ flag, variant: 'on', evaluations: 1 })),
    NOON,
  );
  const taken = pending.take(2);
  expect(taken.map(({ flag }) => flag)).toEqual(['a', 'b']);
  pending.add([{ flag: 'a', variant: 'on', evaluations: 5 }], NOON);
  pending.restore(taken);
  expect(pending.take(10).map(({ flag, evaluations }) => `${flag} ${evaluations}`)).toEqual([
    'c 1',
    'a 6',
    'b 1',
  ]);
});

test('a count larger than the bridge takes is reported in parts', () => {
  const pending = new PendingUsage();
  pending.add([{ flag: 'a', variant: 'on', evaluations: 2_500_000_000 }], NOON);
  const parts = [pending.take(1), pending.take(1), pending.take(1)].flat();
  expect(parts.map(({ evaluations }) => evaluations)).toEqual([1e9, 1e9, 5e8]);
  expect(pending.isEmpty).toBe(true);
});

test('more different counts than the limit are given up, and counted as that', () => {
  const pending = new PendingUsage();
  const counts = Array.from({ length: MAX_PENDING + 2 }, (_, index) => ({
    flag: `flag-${index}`,
    variant: 'on',
    evaluations: 3,
  }));
  pending.add(counts, NOON);
  pending.add(counts.slice(0, 1), NOON);
  expect(pending.dropped).toBe(6);
  expect(pending.evaluations).toBe(3 * MAX_PENDING + 3);
});
