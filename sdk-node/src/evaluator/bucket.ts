/**
 * Which of 100 000 buckets a subject falls into. The hash and what is hashed never change: they decide which users
 * are in a rollout.
 */
import { murmur3, murmur3Prefix } from './murmur3.ts';
import type { Murmur3Prefix } from './murmur3.ts';

/** The number of buckets; weights are counted in them (thousandths of a percent). */
export const BUCKETS = 100_000;

/** What {@link bucketOf} returns when the value cannot be bucketed. */
export const NO_BUCKET = -1;

/** The part of the hashed text that a flag knows beforehand. */
export function bucketPrefix(salt: string): Murmur3Prefix {
  return murmur3Prefix(`${salt}.`);
}

/**
 * The bucket (0 to 99 999) of a context's value, or {@link NO_BUCKET} when the value is neither a string nor an
 * integer of at most 2^53 - 1.
 */
export function bucketOf(prefix: Murmur3Prefix, value: unknown): number {
  if (typeof value === 'string') return scale(murmur3(value, prefix));
  // String(-0) is "0", and no safe integer is written with an exponent.
  if (typeof value === 'number' && Number.isSafeInteger(value)) return scale(murmur3(String(value), prefix));
  return NO_BUCKET;
}

/** (hash * 100000) >> 32; the product stays below 2^53, so a double holds it exactly. */
function scale(hash: number): number {
  return Math.floor((hash * BUCKETS) / 4_294_967_296);
}

/** The bucket of `value` under `salt`: what `fauna.bucket(salt, value)` returns in SQL. */
export function bucket(salt: string, value: string | number): number | undefined {
  const found = bucketOf(bucketPrefix(salt), value);
  return found === NO_BUCKET ? undefined : found;
}
