/** Evaluations as an application sees them: with its own default where the flag has no usable value. */
import type { Evaluation, EvaluationErrorCode, Reason } from '../evaluator/evaluation.ts';
import type { JsonValue } from '../evaluator/json-value.ts';
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

/** A value, and how it came about. Frozen where the flag served the value. */
export interface EvaluationDetails<T> {
  readonly flagKey: string;
  readonly value: T;
  readonly variant?: string;
  readonly reason: Reason;
  readonly errorCode?: ErrorCode;
  readonly errorMessage?: string;
  readonly flagMetadata: FlagMetadata;
}

/**
 * The details of an evaluation that serves a value. They are the same for everybody who is served it at one revision, so they are
 * made once, frozen, and given to all: an evaluation with details costs what one without does.
 */
export function detailsOf(
  flagKey: string,
  evaluation: Evaluation,
  at: Position,
): EvaluationDetails<JsonValue | undefined> {
  return evaluation.told(flagKey, at, servedDetails);
}

function servedDetails(
  flagKey: string,
  evaluation: Evaluation,
  at: Position,
): EvaluationDetails<JsonValue | undefined> {
  const details = detailsWith(flagKey, evaluation, evaluation.value, at);
  Object.freeze(details.flagMetadata);
  return Object.freeze(details);
}

/** The details of an evaluation with a value: its own, or the application's default in its stead. */
export function detailsWith<T>(
  flagKey: string,
  evaluation: Evaluation,
  value: T,
  at: Position,
): EvaluationDetails<T> {
  const { variant, reason, errorCode, errorMessage } = evaluation;
  const details: Writable<EvaluationDetails<T>> = {
    flagKey,
    value,
    reason,
    flagMetadata: metadataOf(evaluation, at),
  };
  // Members that have nothing to say are left out.
  if (variant !== undefined) details.variant = variant;
  if (errorCode !== undefined) details.errorCode = errorCode;
  if (errorMessage !== undefined) details.errorMessage = errorMessage;
  return details;
}

function metadataOf({ ruleId, prerequisite }: Evaluation, at: Position): FlagMetadata {
  const metadata: Writable<FlagMetadata> = { version: at.revision, flagSetId: at.environment };
  if (ruleId !== undefined) metadata.ruleId = ruleId;
  if (prerequisite !== undefined) metadata.prerequisite = prerequisite;
  return metadata;
}

type Writable<T> = { -readonly [Member in keyof T]: T[Member] };

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
