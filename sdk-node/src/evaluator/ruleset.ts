/**
 * All flags and audiences of an environment at one revision, immutable: a payload makes the next one, so a payload is
 * taken whole or not at all, and whoever holds a ruleset holds one revision.
 */
import { affectedFlags } from './affected-flags.ts';
import { isPlain } from './attribute.ts';
import type { CompiledAudience } from './audience.ts';
import { member } from './document.ts';
import type { Members } from './document.ts';
import { Evaluation } from './evaluation.ts';
import type { CompiledFlag } from './flag.ts';
import { HeldAudience, HeldFlag } from './held.ts';
import type { Held } from './held.ts';
import type { Instant } from './instant.ts';
import type { Payload, Position } from './payload.ts';
import type { Source } from './source.ts';
import { UsageTally } from './usage.ts';
import type { UsageCount } from './usage.ts';

/** What a key of no flag evaluates to. */
export const FLAG_NOT_FOUND = Evaluation.failed('FLAG_NOT_FOUND', 'the flag does not exist');
const INVALID_CONTEXT = Evaluation.failed('INVALID_CONTEXT', 'the context is not an object');
const NO_TIME: Instant = 0;
const NOTHING: ReadonlyMap<string, never> = new Map<string, never>();

/** The last {@link Source.audiencesId} given out. */
let lastAudiencesId = 0;

/** A ruleset and the flags that may evaluate otherwise than in the one before. */
export interface Succession {
  readonly ruleset: Ruleset;
  readonly changed: readonly string[];
}

/** The documents of one revision, compiled when they are first used. */
export class Ruleset implements Source {
  readonly position: Position;
  readonly audiencesId: number;
  visits = 0;
  isPlain = false;
  private readonly flags: ReadonlyMap<string, HeldFlag>;
  private readonly audiences: ReadonlyMap<string, HeldAudience>;
  private readonly usage: UsageTally;

  private static readonly EMPTY = new Ruleset(
    { environment: '', epoch: '', revision: 0 },
    NOTHING,
    NOTHING,
    (lastAudiencesId += 1),
    new UsageTally(),
  );

  private constructor(
    position: Position,
    flags: ReadonlyMap<string, HeldFlag>,
    audiences: ReadonlyMap<string, HeldAudience>,
    audiencesId: number,
    usage: UsageTally,
  ) {
    this.position = position;
    this.flags = flags;
    this.audiences = audiences;
    this.audiencesId = audiencesId;
    this.usage = usage;
  }

  /** The ruleset after `payload`, which is a put or a patch that continues `before`. */
  static after(before: Ruleset | undefined, payload: Payload): Succession {
    const isPut = payload.from === undefined;
    const { environment, epoch, revision } = payload;
    const held = before ?? Ruleset.EMPTY;
    const flags = write(held.flags, payload.flags, isPut, HeldFlag);
    const audiences = write(held.audiences, payload.audiences, isPut, HeldAudience);
    const usage = before === undefined ? new UsageTally() : before.usage;
    for (const key of flags.changed) {
      const replaced = held.flags.get(key);
      if (replaced !== undefined) usage.keep(replaced);
    }
    const position = Object.freeze({ environment, epoch, revision });
    const id = audiences.changed.size > 0 ? (lastAudiencesId += 1) : held.audiencesId;
    return {
      ruleset: new Ruleset(position, flags.after, audiences.after, id, usage),
      changed: affectedFlags(flags.after, audiences.after, flags.changed, audiences.changed),
    };
  }

  get flagKeys(): Iterable<string> {
    return this.flags.keys();
  }

  /** Every flag, in the order of the documents. */
  forEachFlag(visit: (key: string, flag: CompiledFlag) => void): void {
    for (const [key, held] of this.flags) visit(key, held.compiled);
  }

  flag(key: string): CompiledFlag | undefined {
    return this.flags.get(key)?.compiled;
  }

  audience(key: string): CompiledAudience | undefined {
    return this.audiences.get(key)?.compiled;
  }

  /** Evaluates a flag by its key; `clock` is read only if the flag depends on time, and then once. */
  evaluate(key: string, context: unknown, clock: () => Instant): Evaluation {
    const flag = this.flag(key);
    return flag === undefined ? FLAG_NOT_FOUND : this.evaluateFlag(flag, context, clock);
  }

  /** Evaluates a flag of this ruleset. */
  evaluateFlag(flag: CompiledFlag, context: unknown, clock: () => Instant): Evaluation {
    if (typeof context !== 'object' || context === null || Array.isArray(context)) return INVALID_CONTEXT;
    const plain = isPlain(context);
    if (!plain && context instanceof Date) return INVALID_CONTEXT;
    // A getter of the context may evaluate in turn, or throw; each evaluation has its own state.
    const { visits, isPlain: wasPlain } = this;
    this.visits = 0;
    this.isPlain = plain;
    try {
      return flag.evaluate(this, context, flag.usesTime ? clock() : NO_TIME, 1);
    } finally {
      this.visits = visits;
      this.isPlain = wasPlain;
    }
  }

  /** The counts since they were taken last, also of flags that were replaced meanwhile; see `usage.ts`. */
  takeUsage(): UsageCount[] {
    return this.usage.take(this.flags.values());
  }
}

interface Written<T> {
  readonly after: ReadonlyMap<string, T>;
  /** The keys whose document is another than before, or is only on one side. */
  readonly changed: ReadonlySet<string>;
}

/**
 * The documents after a put, or after a patch of those before, where a document that is null is deleted. One that did not change
 * stays what it was, with all that was compiled and counted.
 */
function write<T extends Held>(
  before: ReadonlyMap<string, T>,
  documents: Members,
  isPut: boolean,
  HeldDocument: new (key: string, document: unknown) => T,
): Written<T> {
  const after = new Map(isPut ? NOTHING : before);
  const changed = new Set<string>();
  for (const key of Object.keys(documents)) {
    const document = member(documents, key);
    const known = before.get(key);
    if (document === undefined) {
      if (after.delete(key)) changed.add(key);
      continue;
    }
    const isSame = known?.isOf(document) === true;
    after.set(key, isSame ? known : new HeldDocument(key, document));
    if (!isSame) changed.add(key);
  }
  if (isPut) for (const key of before.keys()) if (!after.has(key)) changed.add(key);
  return { after, changed };
}
