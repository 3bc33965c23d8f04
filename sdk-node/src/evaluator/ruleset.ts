/**
 * All flags and audiences of an environment at one revision, immutable: a payload makes the next one, so a payload is
 * taken whole or not at all, and whoever holds a ruleset holds one revision.
 */
import { compileAudience } from './audience.ts';
import type { CompiledAudience } from './audience.ts';
import { affectedFlags } from './affected-flags.ts';
import { isContext } from './context.ts';
import { member } from './document.ts';
import type { Members } from './document.ts';
import { failed } from './evaluation.ts';
import type { Evaluation } from './evaluation.ts';
import { compileFlag } from './flag.ts';
import type { CompiledFlag } from './flag.ts';
import type { Instant } from './instant.ts';
import type { Payload, Position } from './payload.ts';
import type { Source } from './source.ts';

const FLAG_NOT_FOUND = failed('FLAG_NOT_FOUND', 'the flag does not exist');
const INVALID_CONTEXT = failed('INVALID_CONTEXT', 'the context is not an object');
const NO_TIME: Instant = 0n;
const NONE: ReadonlyMap<string, never> = new Map<string, never>();

/** A ruleset and the flags that may evaluate otherwise than in the one before. */
export interface Succession {
  readonly ruleset: Ruleset;
  readonly changed: readonly string[];
}

/** The compiled documents of one revision. */
export class Ruleset implements Source {
  readonly position: Position;
  visits = 0;
  readonly #flags: ReadonlyMap<string, CompiledFlag>;
  readonly #audiences: ReadonlyMap<string, CompiledAudience>;

  private constructor(
    position: Position,
    flags: ReadonlyMap<string, CompiledFlag>,
    audiences: ReadonlyMap<string, CompiledAudience>,
  ) {
    this.position = position;
    this.#flags = flags;
    this.#audiences = audiences;
  }

  /** The ruleset after `payload`, which is a put or a patch that continues `before`. */
  static after(before: Ruleset | undefined, payload: Payload): Succession {
    const base = payload.from === undefined ? undefined : before;
    const flags = write(base === undefined ? NONE : base.#flags, payload.flags, compileFlag);
    const audiences = write(base === undefined ? NONE : base.#audiences, payload.audiences, compileAudience);
    const { environment, epoch, revision } = payload;
    const ruleset = new Ruleset(Object.freeze({ environment, epoch, revision }), flags, audiences);

    const held = before ?? new Ruleset(ruleset.position, NONE, NONE);
    const changedFlags = differing(held.#flags, flags, base && payload.flags);
    const changedAudiences = differing(held.#audiences, audiences, base && payload.audiences);
    const changed = affectedFlags(flags, audiences, changedFlags, changedAudiences);
    return { ruleset, changed };
  }

  get flagKeys(): Iterable<string> {
    return this.#flags.keys();
  }

  flag(key: string): CompiledFlag | undefined {
    return this.#flags.get(key);
  }

  audience(key: string): CompiledAudience | undefined {
    return this.#audiences.get(key);
  }

  /** Evaluates a flag; `clock` is read only if the flag depends on time, and then once. */
  evaluate(key: string, context: unknown, clock: () => Instant): Evaluation {
    const flag = this.#flags.get(key);
    if (flag === undefined) return FLAG_NOT_FOUND;
    if (!isContext(context)) return INVALID_CONTEXT;
    // A getter of the context may evaluate in turn; each evaluation has its own count.
    const outer = this.visits;
    this.visits = 0;
    const evaluation = flag.evaluate(this, context, flag.usesTime ? clock() : NO_TIME, 1);
    this.visits = outer;
    return evaluation;
  }
}

/** A copy of `before` with documents written over it; a document that is null is deleted. */
function write<T>(
  before: ReadonlyMap<string, T>,
  documents: Members,
  compile: (key: string, document: unknown) => T,
): ReadonlyMap<string, T> {
  const after = new Map(before);
  for (const key of Object.keys(documents)) {
    const document = member(documents, key);
    if (document === undefined) after.delete(key);
    else after.set(key, compile(key, document));
  }
  return after;
}

/** The keys whose document is another than before; for a patch only its own keys can be. */
function differing(
  before: ReadonlyMap<string, { readonly fingerprint: string }>,
  after: ReadonlyMap<string, { readonly fingerprint: string }>,
  patched: Members | undefined,
): ReadonlySet<string> {
  const candidates = patched === undefined ? [...before.keys(), ...after.keys()] : Object.keys(patched);
  return new Set(candidates.filter((key) => before.get(key)?.fingerprint !== after.get(key)?.fingerprint));
}
