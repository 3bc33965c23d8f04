import type { JsonValue } from './json-value.ts';

/** Why a flag has the value it has: the words of OpenFeature. */
export type Reason = 'STATIC' | 'DEFAULT' | 'TARGETING_MATCH' | 'SPLIT' | 'DISABLED' | 'ERROR';

/** What went wrong in one evaluation: the codes of OpenFeature that a ruleset or a context can cause. */
export type EvaluationErrorCode = 'FLAG_NOT_FOUND' | 'INVALID_CONTEXT' | 'PARSE_ERROR';

/**
 * A variant of a flag, and how often an application was given it: a number that goes up, so that counting takes no
 * lookup and no memory. Reports take it (see `usage.ts`).
 */
export class Variant {
  readonly key: string;
  readonly value: JsonValue;
  #count = 0;

  constructor(key: string, value: JsonValue) {
    this.key = key;
    this.value = value;
  }

  count(): void {
    this.#count += 1;
  }

  /** How often {@link count} was called since this was asked last. */
  takeCount(): number {
    const count = this.#count;
    this.#count = 0;
    return count;
  }
}

/**
 * What a flag evaluates to. Every outcome a flag can have is known when its document is compiled, so evaluations
 * are made there, once, and an evaluation on the hot path only picks one.
 */
export class Evaluation {
  /** The variant's value; undefined when there is none (an error without a readable off variant). */
  readonly value: JsonValue | undefined;
  readonly variant: string | undefined;
  readonly reason: Reason;
  /** The rule that served, if one did. */
  readonly ruleId: string | undefined;
  /** The prerequisite flag that was not met, if that is the reason. */
  readonly prerequisite: string | undefined;
  readonly errorCode: EvaluationErrorCode | undefined;
  readonly errorMessage: string | undefined;
  readonly #variant: Variant | undefined;
  #told: unknown;
  #toldFor: object | undefined;

  private constructor(
    variant: Variant | undefined,
    reason: Reason,
    { ruleId, prerequisite, errorCode, errorMessage }: Circumstances,
  ) {
    this.#variant = variant;
    this.value = variant?.value;
    this.variant = variant?.key;
    this.reason = reason;
    this.ruleId = ruleId;
    this.prerequisite = prerequisite;
    this.errorCode = errorCode;
    this.errorMessage = errorMessage;
  }

  /** An evaluation that serves a variant. */
  static served(
    variant: Variant,
    reason: Reason,
    by: Pick<Circumstances, 'ruleId' | 'prerequisite'> = {},
  ): Evaluation {
    return new Evaluation(variant, reason, by);
  }

  /** An evaluation that failed; `fallback` is the off variant where it can be read. */
  static failed(errorCode: EvaluationErrorCode, errorMessage: string, fallback?: Variant): Evaluation {
    return new Evaluation(fallback, 'ERROR', { errorCode, errorMessage });
  }

  /** Notes that an application was given this. */
  count(): void {
    this.#variant?.count();
  }

  /**
   * What `tell` makes of this evaluation of the flag for `revision` (an object that stands for one): made once, and kept until
   * it is asked for another. `tell` has to be the same function every time.
   */
  told<At extends object, T>(
    flagKey: string,
    revision: At,
    tell: (flagKey: string, evaluation: Evaluation, revision: At) => T,
  ): T {
    if (this.#toldFor === revision) return this.#told as T;
    const told = tell(flagKey, this, revision);
    this.#told = told;
    this.#toldFor = revision;
    return told;
  }
}

interface Circumstances {
  readonly ruleId?: string | undefined;
  readonly prerequisite?: string;
  readonly errorCode?: EvaluationErrorCode;
  readonly errorMessage?: string;
}
