/**
 * A ruleset as an application has it at hand: in a file, as a bootstrap, in a test. It is what `GET /v1/ruleset` and
 * `SELECT fauna.ruleset()` answer; what says which configuration it is may be left out of one that was written by hand.
 */
import { DocumentError, member, readObject } from '../evaluator/document.ts';
import { readPayload } from '../evaluator/payload.ts';
import type { Payload } from '../evaluator/payload.ts';

/** The flags and audiences of an environment. */
export interface RulesetJson {
  /** `local` if left out. */
  readonly environment?: string;
  /** `local` if left out: then anything that a server sends replaces it. */
  readonly epoch?: string;
  /** 0 if left out. */
  readonly revision?: number;
  /** The flags' documents by key. */
  readonly flags: Readonly<Record<string, unknown>>;
  /** The audiences' documents by key; none if left out. */
  readonly audiences?: Readonly<Record<string, unknown>>;
}

const LOCAL = { environment: 'local', epoch: 'local', audiences: {} };

/**
 * Reads a whole ruleset, which has this revision if it does not say. Documents are read when they are compiled, each
 * for itself. Throws {@link DocumentError} when it is not of its form.
 */
export function readRuleset(value: unknown, revision = 0): Payload {
  const ruleset = readObject(value, 'ruleset');
  if (member(ruleset, 'from') !== undefined) throw new DocumentError('from: a patch is no whole ruleset');
  return readPayload({ ...LOCAL, revision, ...ruleset });
}

/** Reads a ruleset that an application passes as `name`; throws a TypeError that says what is wrong with it. */
export function rulesetOption(name: string, value: unknown): Payload {
  try {
    return readRuleset(value);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new TypeError(`${name} must be a ruleset: ${reason}`, { cause: error });
  }
}
