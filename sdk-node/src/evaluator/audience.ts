/** Audiences: named sets of conditions, compiled once per document. */
import { Condition } from './condition.ts';
import { DocumentError, each, member, readMatch, readObject } from './document.ts';
import { BROKEN, NO, YES } from './outcome.ts';
import type { Outcome } from './outcome.ts';
import type { Source } from './source.ts';

/** An audience ready for evaluation. One whose document is broken answers BROKEN. */
export class CompiledAudience {
  /** Undefined where the document is broken. */
  private readonly conditions: readonly Condition[] | undefined;
  private readonly decisive: Outcome;

  private constructor(conditions: readonly Condition[] | undefined, decisive: Outcome) {
    this.conditions = conditions;
    this.decisive = decisive;
  }

  /** Compiles an audience's document; never throws. */
  static of(document: unknown): CompiledAudience {
    try {
      const audience = readObject(document, 'audience');
      if (member(audience, 'conditions') === undefined) throw new DocumentError('conditions: missing');
      const match = readMatch(audience);
      const conditions = each(audience, 'conditions', (condition) => new Condition(condition));
      // Without conditions an audience matches nobody, whatever `match` would make of none.
      return new CompiledAudience(conditions, match === 'any' || conditions.length === 0 ? YES : NO);
    } catch (error) {
      if (!(error instanceof DocumentError)) throw error;
      return new CompiledAudience(undefined, NO);
    }
  }

  /** Asks the conditions in their order, stopping at the first that decides or cannot be answered. */
  test(source: Source, context: object, depth: number): Outcome {
    const conditions = this.conditions;
    if (conditions === undefined) return BROKEN;
    const decisive = this.decisive;
    // `for … of` is five times the bytecode, and V8 does not make long functions part of their callers.
    // eslint-disable-next-line @typescript-eslint/prefer-for-of
    for (let index = 0; index < conditions.length; index += 1) {
      const outcome = conditions[index]?.test(source, context, depth) ?? BROKEN;
      if (outcome === decisive || outcome >= BROKEN) return outcome;
    }
    return decisive === YES ? NO : YES;
  }
}
