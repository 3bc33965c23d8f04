/** Audiences: named sets of conditions, compiled once per document. */
import { compileCondition } from './condition.ts';
import { DocumentError, each, member, readMatch, readObject } from './document.ts';
import { fingerprint } from './fingerprint.ts';
import { BROKEN, combine, NO } from './outcome.ts';
import type { AudienceTest } from './outcome.ts';

/** An audience ready for evaluation. One whose document is broken answers BROKEN. */
export interface CompiledAudience {
  readonly key: string;
  readonly test: AudienceTest;
  /** The audiences its conditions ask for. */
  readonly audiences: readonly string[];
  readonly fingerprint: string;
}

/** Compiles an audience's document; never throws. */
export function compileAudience(key: string, document: unknown): CompiledAudience {
  const mark = fingerprint(document);
  try {
    const audience = readObject(document, 'audience');
    if (member(audience, 'conditions') === undefined) throw new DocumentError('conditions: missing');
    const match = readMatch(audience);
    const conditions = each(audience, 'conditions', compileCondition);
    const tests = conditions.map((condition) => condition.test);
    return {
      key,
      // Without conditions an audience matches nobody, whatever `match` would make of none.
      test: tests.length === 0 ? () => NO : combine(match, tests),
      audiences: conditions.flatMap((condition) => condition.audiences),
      fingerprint: mark,
    };
  } catch (error) {
    if (!(error instanceof DocumentError)) throw error;
    return { key, test: () => BROKEN, audiences: [], fingerprint: mark };
  }
}
