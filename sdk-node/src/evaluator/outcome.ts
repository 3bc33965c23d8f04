/**
 * The outcome of asking whether a context is in an audience. Besides yes and no there are two answers for "cannot be
 * said", so that the hot path throws nothing: BROKEN ends the evaluation of one flag, EXHAUSTED that of the whole.
 *
 * Evaluation is bounded in depth (flags and audiences in progress) and in visits, so that no document can make it
 * loop or overflow the stack; a cycle runs into the first bound. Both bounds are part of the semantics: every
 * evaluator gives up at the same place.
 */

export const NO = 0;
export const YES = 1;
export const BROKEN = 2;
export const EXHAUSTED = 3;

export type Outcome = typeof NO | typeof YES | typeof BROKEN | typeof EXHAUSTED;

/** How many flags and audiences may be in progress at once, the first flag included. */
export const MAX_DEPTH = 64;

/** How many prerequisites and audiences one evaluation may visit. */
export const MAX_VISITS = 10_000;

/** Turns yes into no and no into yes, where `negate` says so. */
export function negated(outcome: Outcome, negate: boolean): Outcome {
  if (!negate || outcome >= BROKEN) return outcome;
  return outcome === YES ? NO : YES;
}
