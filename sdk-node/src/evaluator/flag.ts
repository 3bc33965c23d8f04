/**
 * Flags, compiled once per document. Everything an evaluation can return is made here, so that evaluating a flag
 * walks over what was made and allocates nothing.
 */
import { AudienceReference, testReferences } from './audience-reference.ts';
import {
  DocumentError,
  each,
  member,
  optionalBoolean,
  optionalInstant,
  optionalString,
  readMatch,
  readObject,
  requiredBoolean,
  requiredString,
} from './document.ts';
import type { Match, Members } from './document.ts';
import { Evaluation, Variant } from './evaluation.ts';
import type { Instant } from './instant.ts';
import { deepFreeze } from './json-value.ts';
import type { JsonValue } from './json-value.ts';
import { EXHAUSTED, MAX_DEPTH, MAX_VISITS, NO, YES } from './outcome.ts';
import type { Outcome } from './outcome.ts';
import { Serve } from './serve.ts';
import type { ServeScope } from './serve.ts';
import type { Source } from './source.ts';

/** What kind of value all variants of a flag have. */
export type FlagKind = 'boolean' | 'string' | 'number' | 'json';

interface FlagParts {
  readonly kind: FlagKind | undefined;
  readonly variants: readonly Variant[];
  readonly off: Variant | undefined;
  readonly prerequisites: readonly Prerequisite[];
  readonly rules: readonly Rule[];
  /** A default that serves not everybody the same. */
  readonly split: Serve | undefined;
  /** What remains when nothing else is served. */
  readonly last: Evaluation;
}

const NOTHING: readonly never[] = [];

/** A flag ready for evaluation. One whose document is broken evaluates to PARSE_ERROR. */
export class CompiledFlag {
  readonly kind: FlagKind | undefined;
  /** False when an evaluation looks at no clock, so that the caller need not either. */
  readonly usesTime: boolean;
  private readonly variants: readonly Variant[];
  private readonly off: Variant | undefined;
  private readonly prerequisites: readonly Prerequisite[];
  private readonly rules: readonly Rule[];
  private readonly split: Serve | undefined;
  private readonly last: Evaluation;
  private exhaustedOnce: Evaluation | undefined;
  private defaults = 0;

  private constructor({ kind, variants, off, prerequisites, rules, split, last }: FlagParts) {
    this.kind = kind;
    this.usesTime =
      prerequisites.length > 0 || split?.usesTime === true || rules.some((rule) => rule.usesTime);
    this.variants = variants;
    this.off = off;
    this.prerequisites = prerequisites;
    this.rules = rules;
    this.split = split;
    this.last = last;
  }

  /** Compiles a flag's document; never throws. */
  static of(key: string, document: unknown): CompiledFlag {
    try {
      return new CompiledFlag(readFlag(key, readObject(document, 'flag')));
    } catch (error) {
      if (!(error instanceof DocumentError)) throw error;
      const off = readable(() => readOff(document));
      return new CompiledFlag({
        kind: readable(() => readKind(readObject(document, 'flag'))),
        variants: off === undefined ? NOTHING : [off],
        off,
        prerequisites: NOTHING,
        rules: NOTHING,
        split: undefined,
        last: Evaluation.failed('PARSE_ERROR', error.message, off),
      });
    }
  }

  /** Evaluates the flag; `depth` is how many flags and audiences are in progress, this flag included. */
  evaluate(source: Source, context: object, now: Instant, depth: number): Evaluation {
    if (this.prerequisites.length > 0) {
      const unmet = this.testPrerequisites(source, context, now, depth);
      if (unmet !== undefined) return unmet;
    }
    const { rules } = this;
    // `for … of` is five times the bytecode, and V8 does not make long functions part of their callers.
    // eslint-disable-next-line @typescript-eslint/prefer-for-of
    for (let index = 0; index < rules.length; index += 1) {
      const rule = rules[index];
      if (rule === undefined || (rule.usesWindow && !rule.isActive(now))) continue;
      const outcome = rule.test(source, context, depth);
      if (outcome === NO) continue;
      if (outcome !== YES) return outcome === EXHAUSTED ? this.exhausted : rule.broken(this.off);
      const evaluation = rule.serve.pick(context, source.isPlain, now);
      if (evaluation !== undefined) return evaluation;
    }
    return this.split?.pick(context, source.isPlain, now) ?? this.last;
  }

  /** What a prerequisite makes of the flag, if it does. */
  private testPrerequisites(
    source: Source,
    context: object,
    now: Instant,
    depth: number,
  ): Evaluation | undefined {
    for (const prerequisite of this.prerequisites) {
      const outcome = prerequisite.test(source, context, now, depth);
      if (outcome === NO) return prerequisite.unmet;
      if (outcome === EXHAUSTED) return this.exhausted;
    }
    return undefined;
  }

  /** What `evaluate` returns when the bounds of evaluation are exhausted: the end for a dependent flag too. */
  get exhausted(): Evaluation {
    return (this.exhaustedOnce ??= Evaluation.failed(
      'PARSE_ERROR',
      'prerequisites and audiences are nested too deeply, perhaps in a cycle',
      this.off,
    ));
  }

  /** Notes that an application was given its own default instead of what the flag has. */
  countDefault(): void {
    this.defaults += 1;
  }

  /** True for the evaluation that {@link exhausted} is. */
  isExhausted(evaluation: Evaluation): boolean {
    return evaluation === this.exhaustedOnce;
  }

  /** Tells the counts that are not 0, of each variant and (as undefined) of the application's defaults, and forgets them. */
  takeCounts(tell: (variant: string | undefined, count: number) => void): void {
    for (const variant of this.variants) {
      const count = variant.takeCount();
      if (count > 0) tell(variant.key, count);
    }
    if (this.defaults > 0) tell(undefined, this.defaults);
    this.defaults = 0;
  }
}

class Prerequisite {
  readonly unmet: Evaluation;
  private readonly flag: string;
  private readonly variants: readonly string[];

  constructor(document: unknown, off: Variant) {
    const prerequisite = readObject(document, 'prerequisite');
    this.flag = requiredString(prerequisite, 'flag');
    if (member(prerequisite, 'variants') === undefined) throw new DocumentError('variants: missing');
    this.variants = each(prerequisite, 'variants', (variant) => {
      if (typeof variant !== 'string') throw new DocumentError('not a string');
      return variant;
    });
    this.unmet = Evaluation.served(off, 'DISABLED', { prerequisite: this.flag });
  }

  /** A prerequisite that is unknown or broken is not met; one that exhausts the bounds ends its dependent too. */
  test(source: Source, context: object, now: Instant, depth: number): Outcome {
    source.visits += 1;
    if (source.visits > MAX_VISITS) return EXHAUSTED;
    const flag = source.flag(this.flag);
    if (flag === undefined) return NO;
    if (depth >= MAX_DEPTH) return EXHAUSTED;
    const evaluation = flag.evaluate(source, context, now, depth + 1);
    if (evaluation.errorCode !== undefined) return flag.isExhausted(evaluation) ? EXHAUSTED : NO;
    return evaluation.variant !== undefined && this.variants.includes(evaluation.variant) ? YES : NO;
  }
}

class Rule {
  readonly serve: Serve;
  readonly usesWindow: boolean;
  readonly usesTime: boolean;
  private readonly id: string;
  private readonly activeFrom: Instant | undefined;
  private readonly activeUntil: Instant | undefined;
  private readonly match: Match;
  private readonly audiences: readonly AudienceReference[];
  private brokenOnce: Evaluation | undefined;

  constructor(document: unknown, scope: Omit<ServeScope, 'reason'>) {
    const rule = readObject(document, 'rule');
    this.id = requiredString(rule, 'id');
    this.audiences = each(rule, 'audiences', (element) => {
      const audience = readObject(element, 'audience');
      return new AudienceReference(
        requiredString(audience, 'key'),
        optionalBoolean(audience, 'negate') ?? false,
      );
    });
    this.activeFrom = optionalInstant(rule, 'activeFrom');
    this.activeUntil = optionalInstant(rule, 'activeUntil');
    this.match = readMatch(rule);
    this.serve = new Serve(member(rule, 'serve'), { ...scope, reason: 'TARGETING_MATCH', ruleId: this.id });
    this.usesWindow = this.activeFrom !== undefined || this.activeUntil !== undefined;
    this.usesTime = this.usesWindow || this.serve.usesTime;
  }

  isActive(now: Instant): boolean {
    return (
      (this.activeFrom === undefined || now >= this.activeFrom) &&
      (this.activeUntil === undefined || now < this.activeUntil)
    );
  }

  /** Whether the subject is in its audiences; everybody is if it has none. */
  test(source: Source, context: object, depth: number): Outcome {
    if (this.audiences.length === 0) return YES;
    return testReferences(this.audiences, this.match, source, context, depth);
  }

  /** What the flag evaluates to when the rule's audiences cannot be judged. */
  broken(off: Variant | undefined): Evaluation {
    return (this.brokenOnce ??= Evaluation.failed(
      'PARSE_ERROR',
      `rule ${this.id}: an audience is unknown, broken or nested in itself`,
      off,
    ));
  }
}

function readFlag(key: string, flag: Members): FlagParts {
  const kind = readKind(flag);
  const variants = readVariants(flag);
  const off = readOffVariant(flag, variants);
  const prerequisites = each(flag, 'prerequisites', (element) => new Prerequisite(element, off));
  const scope = { variants, salt: optionalString(flag, 'salt') ?? key };
  const rules = each(flag, 'rules', (element) => new Rule(element, scope));
  const reason = rules.length === 0 ? 'STATIC' : 'DEFAULT';
  const fallback = new Serve(member(flag, 'default'), { ...scope, reason });
  const parts = { kind, off, variants: [...variants.values()] };
  if (!requiredBoolean(flag, 'enabled')) {
    const last = Evaluation.served(off, 'DISABLED');
    return { ...parts, prerequisites: NOTHING, rules: NOTHING, split: undefined, last };
  }
  const { single } = fallback;
  return single === undefined
    ? { ...parts, prerequisites, rules, split: fallback, last: Evaluation.served(off, 'DEFAULT') }
    : { ...parts, prerequisites, rules, split: undefined, last: single };
}

function readKind(flag: Members): FlagKind {
  const kind = requiredString(flag, 'kind');
  if (kind === 'boolean' || kind === 'string' || kind === 'number' || kind === 'json') return kind;
  throw new DocumentError('kind: unknown');
}

function readVariants(flag: Members): ReadonlyMap<string, Variant> {
  const variants = Object.entries(readObject(member(flag, 'variants'), 'variants'));
  return new Map(variants.map(([key, value]) => [key, new Variant(key, deepFreeze(value as JsonValue))]));
}

function readOffVariant(flag: Members, variants: ReadonlyMap<string, Variant>): Variant {
  const off = variants.get(requiredString(flag, 'offVariant'));
  if (off === undefined) throw new DocumentError('offVariant: the flag has no such variant');
  return off;
}

function readOff(document: unknown): Variant {
  const flag = readObject(document, 'flag');
  return readOffVariant(flag, readVariants(flag));
}

/** A part of a broken document, if that much can be read. */
function readable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof DocumentError) return undefined;
    throw error;
  }
}
