/** Evaluations as an application sees them: with its own default where the flag has no usable value. */
import type { Evaluation, EvaluationErrorCode, Reason } from '../evaluator/evaluation.ts';
import type { Position } from '../evaluator/payload.ts';

/** The codes of OpenFeature that an evaluation by this SDK can have. */
export type ErrorCode = EvaluationErrorCode | 'PROVIDER_NOT_READY' | 'TYPE_MISMATCH' | 'GENERAL';

/** Facts about the evaluation, in the form OpenFeature has for them. */
export interface FlagMetadata {
  /** The revision of the ruleset. */
  readonly version?: number;
  /** The environment the ruleset is of. */
  readonly flagSetId?: string;
  /** The rule that served the value. */
  readonly ruleId?: string;
  /** The flag whose value keeps this one off. */
  readonly prerequisite?: string;
}

/** A value, and how it came about. */
export interface EvaluationDetails<T> {
  readonly flagKey: string;
  readonly value: T;
  readonly variant?: string;
  readonly reason: Reason;
  readonly errorCode?: ErrorCode;
  readonly errorMessage?: string;
  readonly flagMetadata: FlagMetadata;
}

/** The details of an evaluation whose value (or the application's default in its stead) is `value`. */
export function detailsOf<T>(
  flagKey: string,
  evaluation: Evaluation,
  value: T,
  at: Position,
): EvaluationDetails<T> {
  const { variant, reason, ruleId, prerequisite, errorCode, errorMessage } = evaluation;
  return {
    flagKey,
    value,
    ...(variant === undefined ? {} : { variant }),
    reason,
    ...(errorCode === undefined ? {} : { errorCode }),
    ...(errorMessage === undefined ? {} : { errorMessage }),
    flagMetadata: {
      version: at.revision,
      flagSetId: at.environment,
      ...(ruleId === undefined ? {} : { ruleId }),
      ...(prerequisite === undefined ? {} : { prerequisite }),
    },
  };
}

/** The details of an evaluation that gave the application its own default. */
export function defaulted<T>(
  flagKey: string,
  value: T,
  errorCode: ErrorCode,
  errorMessage: string,
  at?: Position,
): EvaluationDetails<T> {
  const flagMetadata = at === undefined ? {} : { version: at.revision, flagSetId: at.environment };
  return { flagKey, value, reason: 'ERROR', errorCode, errorMessage, flagMetadata };
}
