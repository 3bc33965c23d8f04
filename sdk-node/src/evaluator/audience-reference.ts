/** References to audiences, by rules and by conditions. */
import type { CompiledAudience } from './audience.ts';
import type { Match } from './document.ts';
import { BROKEN, EXHAUSTED, MAX_DEPTH, MAX_VISITS, negated, NO, YES } from './outcome.ts';
import type { Outcome } from './outcome.ts';
import type { Source } from './source.ts';

/**
 * Membership of one audience, found by key while evaluating, so that a patch needs no relinking. What was found is kept
 * for as long as the audiences stay the same: a lookup costs as much as two conditions.
 */
export class AudienceReference {
  readonly key: string;
  private readonly negate: boolean;
  private foundIn = 0;
  private found: CompiledAudience | undefined;

  constructor(key: string, negate: boolean) {
    this.key = key;
    this.negate = negate;
  }

  test(source: Source, context: object, depth: number): Outcome {
    source.visits += 1;
    if (source.visits > MAX_VISITS) return EXHAUSTED;
    if (this.foundIn !== source.audiencesId) {
      this.found = source.audience(this.key);
      this.foundIn = source.audiencesId;
    }
    const audience = this.found;
    if (audience === undefined) return BROKEN;
    return depth < MAX_DEPTH ? negated(audience.test(source, context, depth + 1), this.negate) : EXHAUSTED;
  }
}

/** Asks in the order given, stopping at the first that decides or cannot be answered. */
export function testReferences(
  references: readonly AudienceReference[],
  match: Match,
  source: Source,
  context: object,
  depth: number,
): Outcome {
  const decisive = match === 'any' ? YES : NO;
  // As in `CompiledAudience.test`.
  // eslint-disable-next-line @typescript-eslint/prefer-for-of
  for (let index = 0; index < references.length; index += 1) {
    const outcome = references[index]?.test(source, context, depth) ?? BROKEN;
    if (outcome === decisive || outcome >= BROKEN) return outcome;
  }
  return decisive === YES ? NO : YES;
}
