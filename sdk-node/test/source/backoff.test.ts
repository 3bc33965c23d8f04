import { expect, test } from 'vitest';
import { Backoff } from '../../src/source/http/backoff.ts';

const OPTIONS = { baseMs: 1000, maxMs: 30_000, healthyMs: 60_000 };

function delays(backoff: Backoff, uptimesMs: readonly number[]): number[] {
  return uptimesMs.map((uptimeMs) => backoff.next(uptimeMs));
}

test('delays double from one second to thirty and stay there', () => {
  const backoff = new Backoff(OPTIONS, () => 0);
  expect(delays(backoff, [0, 0, 0, 0, 0, 0, 0])).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
});

test('up to half of a delay is taken away at random', () => {
  expect(new Backoff(OPTIONS, () => 0.999_999).next(0)).toBe(500);
  expect(new Backoff(OPTIONS, () => 0.5).next(0)).toBe(750);
});

test('a minute of health starts over, less does not', () => {
  const backoff = new Backoff(OPTIONS, () => 0);
  expect(delays(backoff, [0, 0, 59_999, 60_000, 0])).toEqual([1000, 2000, 4000, 1000, 2000]);
});

test('the server may wish for a longer first delay, within bounds', () => {
  const backoff = new Backoff(OPTIONS, () => 0);
  backoff.setBase(5000);
  expect(delays(backoff, [0, 0])).toEqual([5000, 10_000]);
  backoff.setBase(0);
  expect(backoff.next(60_000)).toBe(1000);
  backoff.setBase(86_400_000);
  expect(backoff.next(60_000)).toBe(30_000);
});
