import type { JsonValue } from './json-value.ts';

/** Why a flag has the value it has: the words of OpenFeature. */
export type Reason = 'STATIC' | 'DEFAULT' | 'TARGETING_MATCH' | 'SPLIT' | 'DISABLED' | 'ERROR';

/** What went wrong in one evaluation: the codes of OpenFeature that a ruleset or a context can cause. */
export type EvaluationErrorCode = 'FLAG_NOT_FOUND' | 'INVALID_CONTEXT' | 'PARSE_ERROR';

/**
 * What a flag evaluates to. Every outcome a flag can have is known when its document is compiled, so evaluations
 * are made there, once, frozen, and an evaluation on the hot path only picks one.
 */
export interface Evaluation {
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
}

/** An evaluation that serves a variant. */
export function served(
  variant: { readonly key: string; readonly value: JsonValue },
  reason: Reason,
  more: { readonly ruleId?: string; readonly prerequisite?: string } = {},
): Evaluation {
  return Object.freeze({
    value: variant.value,
    variant: variant.key,
    reason,
    ruleId: more.ruleId,
    prerequisite: more.prerequisite,
    errorCode: undefined,
    errorMessage: undefined,
  });
}

/** An evaluation that failed; `fallback` is the off variant where it can be read. */
export function failed(
  errorCode: EvaluationErrorCode,
  errorMessage: string,
  fallback?: { readonly key: string; readonly value: JsonValue },
): Evaluation {
  return Object.freeze({
    value: fallback?.value,
    variant: fallback?.key,
    reason: 'ERROR',
    ruleId: undefined,
    prerequisite: undefined,
    errorCode,
    errorMessage,
  });
}
