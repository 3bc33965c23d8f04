/**
 * The outcome of asking whether a context is in an audience. Besides yes and no there are two answers for "cannot be
 * said", so that the hot path throws nothing: BROKEN ends the evaluation of one flag, EXHAUSTED that of the whole.
 *
 * Evaluation is bounded in depth (flags and audiences in progress) and in visits, so that no document can make it
 * loop or overflow the stack; a cycle runs into the first bound. Both bounds are part of the semantics: every
 * evaluator gives up at the same place.
 */
import type { Match } from './document.ts';
import type { Source } from './source.ts';

export const NO = 0;
export const YES = 1;
export const BROKEN = 2;
export const EXHAUSTED = 3;

export type Outcome = typeof NO | typeof YES | typeof BROKEN | typeof EXHAUSTED;

/** Tests a context; `depth` is how many flags and audiences are in progress. */
export type AudienceTest = (source: Source, context: object, depth: number) => Outcome;

/** How many flags and audiences may be in progress at once, the first flag included. */
export const MAX_DEPTH = 64;

/** How many prerequisites and audiences one evaluation may visit. */
export const MAX_VISITS = 10_000;

/** Combines tests in the order given, stopping at the first that decides or cannot be answered. */
export function combine(match: Match, tests: readonly AudienceTest[]): AudienceTest {
  const [only] = tests;
  if (tests.length === 1 && only !== undefined) return only;
  const decisive = match === 'any' ? YES : NO;
  const otherwise = match === 'any' ? NO : YES;
  return (source, context, depth) => {
    for (const test of tests) {
      const outcome = test(source, context, depth);
      if (outcome === decisive || outcome >= BROKEN) return outcome;
    }
    return otherwise;
  };
}

/** Turns yes into no and no into yes, where `negate` says so. */
export function negated(test: AudienceTest, negate: boolean): AudienceTest {
  if (!negate) return test;
  return (source, context, depth) => {
    const outcome = test(source, context, depth);
    if (outcome >= BROKEN) return outcome;
    return outcome === YES ? NO : YES;
  };
}

/** Asks for membership of the audience with this key. */
export function audienceTest(key: string): AudienceTest {
  return (source, context, depth) => {
    source.visits += 1;
    if (source.visits > MAX_VISITS) return EXHAUSTED;
    const audience = source.audience(key);
    if (audience === undefined) return BROKEN;
    return depth < MAX_DEPTH ? audience.test(source, context, depth + 1) : EXHAUSTED;
  };
}
