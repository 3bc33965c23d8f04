/** What a rule or the default serves: one variant, or a split of subjects over several by their bucket. */
import { BUCKETS, bucketOf, NO_BUCKET } from './bucket.ts';
import { attributeReader } from './context.ts';
import {
  DocumentError,
  each,
  member,
  optionalString,
  readObject,
  requiredInstant,
  requiredString,
} from './document.ts';
import type { Members } from './document.ts';
import { served } from './evaluation.ts';
import type { Evaluation, Reason } from './evaluation.ts';
import type { Instant } from './instant.ts';
import type { JsonValue } from './json-value.ts';
import type { Murmur3Prefix } from './murmur3.ts';

/** A variant of a flag. */
export interface Variant {
  readonly key: string;
  readonly value: JsonValue;
}

/** Picks an evaluation; undefined when this serves the subject nothing. */
export type Serve = (context: object, now: Instant) => Evaluation | undefined;

/** What the parts of a flag share while it is compiled. */
export interface ServeScope {
  readonly variants: ReadonlyMap<string, Variant>;
  readonly bucketPrefix: Murmur3Prefix;
  /** The reason of a single variant; a split's is always SPLIT. */
  readonly reason: Reason;
  readonly ruleId?: string;
}

interface CompiledServe {
  readonly serve: Serve;
  readonly usesTime: boolean;
}

interface Ramp {
  readonly from: Instant;
  readonly until: Instant;
  readonly startWeight: number;
}

export function compileServe(document: unknown, scope: ServeScope): CompiledServe {
  const serve = readObject(document, 'serve');
  const isSplit = member(serve, 'split') !== undefined;
  if (isSplit === (member(serve, 'variant') !== undefined)) {
    throw new DocumentError('needs either a variant or a split');
  }
  if (isSplit) return compileSplit(serve, scope);
  const evaluation = evaluationOf(requiredString(serve, 'variant'), scope.reason, scope);
  return { serve: () => evaluation, usesTime: false };
}

function compileSplit(document: Members, scope: ServeScope): CompiledServe {
  const evaluations: Evaluation[] = [];
  const thresholds: number[] = [];
  let sum = 0;
  each(document, 'split', (element) => {
    const entry = readObject(element, 'entry');
    sum += readWeight(entry, 'weight');
    thresholds.push(sum);
    evaluations.push(evaluationOf(requiredString(entry, 'variant'), 'SPLIT', scope));
  });
  if (sum > BUCKETS) throw new DocumentError('split: weights sum to more than 100 000');
  const read = attributeReader(optionalString(document, 'by') ?? 'targetingKey');
  const prefix = scope.bucketPrefix;
  const firstWeight = thresholds[0] ?? 0;
  const ramp = readRamp(document);

  return {
    serve: (context, now) => {
      const bucket = bucketOf(prefix, read(context));
      if (bucket === NO_BUCKET) return undefined;
      // A ramp moves the first weight, and with it where every later entry begins.
      const shift = ramp === undefined ? 0 : weightAt(ramp, firstWeight, now) - firstWeight;
      for (let index = 0; index < thresholds.length; index += 1) {
        if (bucket < (thresholds[index] ?? 0) + shift) return evaluations[index];
      }
      return undefined;
    },
    usesTime: ramp !== undefined,
  };
}

function evaluationOf(variantKey: string, reason: Reason, scope: ServeScope): Evaluation {
  const variant = scope.variants.get(variantKey);
  if (variant === undefined) throw new DocumentError(`variant: the flag has no such variant`);
  return served(variant, reason, scope.ruleId === undefined ? {} : { ruleId: scope.ruleId });
}

function readWeight(entry: Members, name: string): number {
  const weight = member(entry, name);
  if (typeof weight !== 'number' || !Number.isInteger(weight) || weight < 0 || weight > BUCKETS) {
    throw new DocumentError(`${name}: not an integer from 0 to 100 000`);
  }
  return weight;
}

function readRamp(document: Members): Ramp | undefined {
  if (member(document, 'ramp') === undefined) return undefined;
  const ramp = readObject(member(document, 'ramp'), 'ramp');
  const from = requiredInstant(ramp, 'from');
  const until = requiredInstant(ramp, 'until');
  if (until < from) throw new DocumentError('ramp: ends before it begins');
  return { from, until, startWeight: readWeight(ramp, 'startWeight') };
}

/** Linear from the start weight to the entry's own, in integers, rounded down. */
function weightAt(ramp: Ramp, weight: number, now: Instant): number {
  if (now >= ramp.until) return weight;
  if (now <= ramp.from) return ramp.startWeight;
  const rise = BigInt(weight - ramp.startWeight) * (now - ramp.from);
  const duration = ramp.until - ramp.from;
  const whole = rise / duration;
  // BigInt division cuts towards zero; a falling ramp needs the floor.
  return ramp.startWeight + Number(rise < 0n && whole * duration !== rise ? whole - 1n : whole);
}
