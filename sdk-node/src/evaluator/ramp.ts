/** Ramps: a weight that grows or shrinks linearly between two instants. */
import { BUCKETS } from './bucket.ts';
import { DocumentError, member, readObject, requiredInstant } from './document.ts';
import type { Members } from './document.ts';
import type { Instant } from './instant.ts';

export interface Ramp {
  readonly from: Instant;
  readonly until: Instant;
  readonly startWeight: number;
}

/** The ramp of a split, undefined if it has none. Throws a DocumentError. */
export function readRamp(split: Members): Ramp | undefined {
  if (member(split, 'ramp') === undefined) return undefined;
  const ramp = readObject(member(split, 'ramp'), 'ramp');
  const from = requiredInstant(ramp, 'from');
  const until = requiredInstant(ramp, 'until');
  if (until < from) throw new DocumentError('ramp: ends before it begins');
  return { from, until, startWeight: readWeight(ramp, 'startWeight') };
}

/** A weight in thousandths of a percent. Throws a DocumentError. */
export function readWeight(entry: Members, name: string): number {
  const weight = member(entry, name);
  if (typeof weight !== 'number' || !Number.isInteger(weight) || weight < 0 || weight > BUCKETS) {
    throw new DocumentError(`${name}: not an integer from 0 to 100 000`);
  }
  return weight;
}

/** Further from the next integer than a quotient of doubles errs for any weight. */
const CERTAIN = 1e-6;

/** Linear from the start weight to the entry's own, rounded down, exactly. */
export function weightAt(ramp: Ramp, weight: number, now: Instant): number {
  if (now >= ramp.until) return weight;
  if (now <= ramp.from) return ramp.startWeight;
  const { from, until, startWeight } = ramp;
  if (typeof now === 'number' && typeof from === 'number' && typeof until === 'number') {
    const rise = (weight - startWeight) * ((now - from) / (until - from));
    const floor = Math.floor(rise);
    if (rise - floor > CERTAIN && rise - floor < 1 - CERTAIN) return startWeight + floor;
  }
  // Too close to an integer to be told by doubles, or further away than they reach.
  const rise = BigInt(weight - startWeight) * (BigInt(now) - BigInt(from));
  const duration = BigInt(until) - BigInt(from);
  const whole = rise / duration;
  // BigInt division cuts towards zero; a falling ramp needs the floor.
  return startWeight + Number(rise < 0n && whole * duration !== rise ? whole - 1n : whole);
}
