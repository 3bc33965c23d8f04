/** What a rule or the default serves: one variant, or a split of subjects over several by their bucket. */
import { attributeOf } from './attribute.ts';
import type { Attribute } from './attribute.ts';
import { BUCKETS, bucketOf, bucketPrefix, NO_BUCKET } from './bucket.ts';
import { DocumentError, each, member, optionalString, readObject, requiredString } from './document.ts';
import type { Members } from './document.ts';
import { Evaluation } from './evaluation.ts';
import type { Reason, Variant } from './evaluation.ts';
import type { Instant } from './instant.ts';
import type { Murmur3Prefix } from './murmur3.ts';
import { readRamp, readWeight, weightAt } from './ramp.ts';
import type { Ramp } from './ramp.ts';

/** What the parts of a flag share while it is compiled. */
export interface ServeScope {
  readonly variants: ReadonlyMap<string, Variant>;
  readonly salt: string;
  /** The reason of a single variant; a split's is always SPLIT. */
  readonly reason: Reason;
  readonly ruleId?: string;
}

/** Picks an evaluation. */
export class Serve {
  /** The evaluation of a single variant; undefined for a split. */
  readonly single: Evaluation | undefined;
  private readonly split: Split | undefined;

  /** Throws a DocumentError for what serves nothing that the flag has. */
  constructor(document: unknown, scope: ServeScope) {
    const serve = readObject(document, 'serve');
    const isSplit = member(serve, 'split') !== undefined;
    if (isSplit === (member(serve, 'variant') !== undefined)) {
      throw new DocumentError('needs either a variant or a split');
    }
    this.split = isSplit ? new Split(serve, scope) : undefined;
    this.single = isSplit ? undefined : evaluationOf(requiredString(serve, 'variant'), scope.reason, scope);
  }

  get usesTime(): boolean {
    return this.split?.ramp !== undefined;
  }

  /** Undefined when this serves the subject nothing. */
  pick(context: object, isPlain: boolean, now: Instant): Evaluation | undefined {
    return this.split === undefined ? this.single : this.split.pick(context, isPlain, now);
  }
}

class Split {
  readonly ramp: Ramp | undefined;
  private readonly evaluations: readonly Evaluation[];
  private readonly thresholds: readonly number[];
  private readonly by: Attribute;
  private readonly prefix: Murmur3Prefix;

  constructor(document: Members, scope: ServeScope) {
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
    this.evaluations = evaluations;
    this.thresholds = thresholds;
    this.by = attributeOf(optionalString(document, 'by') ?? 'targetingKey');
    this.prefix = bucketPrefix(scope.salt);
    this.ramp = readRamp(document);
  }

  pick(context: object, isPlain: boolean, now: Instant): Evaluation | undefined {
    const bucket = bucketOf(this.prefix, this.by.read(context, isPlain));
    if (bucket === NO_BUCKET) return undefined;
    const thresholds = this.thresholds;
    const [firstWeight = 0] = thresholds;
    // A ramp moves the first weight, and with it where every later entry begins.
    const shift = this.ramp === undefined ? 0 : weightAt(this.ramp, firstWeight, now) - firstWeight;
    for (let index = 0; index < thresholds.length; index += 1) {
      if (bucket < (thresholds[index] ?? 0) + shift) return this.evaluations[index];
    }
    return undefined;
  }
}

function evaluationOf(variantKey: string, reason: Reason, scope: ServeScope): Evaluation {
  const variant = scope.variants.get(variantKey);
  if (variant === undefined) throw new DocumentError(`variant: the flag has no such variant`);
  return Evaluation.served(variant, reason, { ruleId: scope.ruleId });
}
