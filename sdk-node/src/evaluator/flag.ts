/**
 * Flags, compiled once per document. Everything an evaluation can return is made here, so that evaluating a flag
 * only walks closures and allocates nothing.
 */
import { bucketPrefix } from './bucket.ts';
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
import type { Members } from './document.ts';
import { failed, served } from './evaluation.ts';
import type { Evaluation } from './evaluation.ts';
import { fingerprint } from './fingerprint.ts';
import type { Instant } from './instant.ts';
import { deepFreeze } from './json-value.ts';
import type { JsonValue } from './json-value.ts';
import { audienceTest, combine, EXHAUSTED, MAX_DEPTH, MAX_VISITS, negated, NO, YES } from './outcome.ts';
import type { AudienceTest, Outcome } from './outcome.ts';
import { compileServe } from './serve.ts';
import type { Serve, ServeScope, Variant } from './serve.ts';
import type { Source } from './source.ts';

/** What kind of value all variants of a flag have. */
export type FlagKind = 'boolean' | 'string' | 'number' | 'json';

interface Rule {
  readonly activeFrom: Instant | undefined;
  readonly activeUntil: Instant | undefined;
  readonly test: AudienceTest;
  readonly serve: Serve;
  /** What the flag evaluates to when the rule's audiences cannot be judged. */
  readonly broken: Evaluation;
  readonly audiences: readonly string[];
  readonly usesTime: boolean;
}

interface Prerequisite {
  readonly flag: string;
  readonly variants: readonly string[];
  readonly unmet: Evaluation;
}

/** A flag ready for evaluation. One whose document is broken evaluates to PARSE_ERROR. */
export interface CompiledFlag {
  readonly key: string;
  readonly kind: FlagKind | undefined;
  /** False when an evaluation looks at no clock, so that the caller need not either. */
  readonly usesTime: boolean;
  readonly audiences: readonly string[];
  readonly prerequisites: readonly string[];
  readonly fingerprint: string;
  readonly evaluate: FlagEvaluator;
  /** What `evaluate` returns when the bounds of evaluation are exhausted: the end for a dependent flag too. */
  readonly exhausted: Evaluation;
}

/** Evaluates a flag; `depth` is how many flags and audiences are in progress, this flag included. */
type FlagEvaluator = (source: Source, context: object, now: Instant, depth: number) => Evaluation;

const EVERYONE: AudienceTest = () => YES;

/** Compiles a flag's document; never throws. */
export function compileFlag(key: string, document: unknown): CompiledFlag {
  const mark = fingerprint(document);
  try {
    return compile(key, readObject(document, 'flag'), mark);
  } catch (error) {
    if (!(error instanceof DocumentError)) throw error;
    const off = readable(() => readOff(document));
    const broken = failed('PARSE_ERROR', error.message, off);
    return {
      key,
      kind: readable(() => readKind(readObject(document, 'flag'))),
      usesTime: false,
      audiences: [],
      prerequisites: [],
      fingerprint: mark,
      evaluate: () => broken,
      exhausted: exhausted(off),
    };
  }
}

function compile(key: string, flag: Members, mark: string): CompiledFlag {
  const kind = readKind(flag);
  const variants = readVariants(flag);
  const off = readOffVariant(flag, variants);
  const prerequisites = each(flag, 'prerequisites', (element) => readPrerequisite(element, off));
  const scope = { variants, bucketPrefix: bucketPrefix(optionalString(flag, 'salt') ?? key) };
  const rules = each(flag, 'rules', (element) => readRule(element, scope, off));
  const fallback = compileServe(member(flag, 'default'), {
    ...scope,
    reason: rules.length === 0 ? 'STATIC' : 'DEFAULT',
  });
  const isEnabled = requiredBoolean(flag, 'enabled');
  const disabled = served(off, 'DISABLED');
  const parts: FlagParts = {
    rules,
    prerequisites,
    fallback: fallback.serve,
    nothingServed: served(off, 'DEFAULT'),
    exhausted: exhausted(off),
  };
  return {
    key,
    kind,
    usesTime: prerequisites.length > 0 || fallback.usesTime || rules.some((rule) => rule.usesTime),
    audiences: rules.flatMap((rule) => rule.audiences),
    prerequisites: prerequisites.map((prerequisite) => prerequisite.flag),
    fingerprint: mark,
    evaluate: isEnabled ? evaluator(parts) : () => disabled,
    exhausted: parts.exhausted,
  };
}

function exhausted(off: Variant | undefined): Evaluation {
  return failed('PARSE_ERROR', 'prerequisites and audiences are nested too deeply, perhaps in a cycle', off);
}

interface FlagParts {
  readonly rules: readonly Rule[];
  readonly prerequisites: readonly Prerequisite[];
  readonly fallback: Serve;
  readonly nothingServed: Evaluation;
  readonly exhausted: Evaluation;
}

function evaluator({ rules, prerequisites, fallback, nothingServed, exhausted }: FlagParts): FlagEvaluator {
  return (source, context, now, depth) => {
    for (const prerequisite of prerequisites) {
      const outcome = isMet(prerequisite, source, context, now, depth);
      if (outcome === NO) return prerequisite.unmet;
      if (outcome === EXHAUSTED) return exhausted;
    }
    for (const rule of rules) {
      if (rule.activeFrom !== undefined && now < rule.activeFrom) continue;
      if (rule.activeUntil !== undefined && now >= rule.activeUntil) continue;
      const outcome = rule.test(source, context, depth);
      if (outcome === NO) continue;
      if (outcome !== YES) return outcome === EXHAUSTED ? exhausted : rule.broken;
      const evaluation = rule.serve(context, now);
      if (evaluation !== undefined) return evaluation;
    }
    return fallback(context, now) ?? nothingServed;
  };
}

/** A prerequisite that is unknown or broken is not met; one that exhausts the bounds ends its dependent too. */
function isMet(
  { flag: key, variants }: Prerequisite,
  source: Source,
  context: object,
  now: Instant,
  depth: number,
): Outcome {
  source.visits += 1;
  if (source.visits > MAX_VISITS) return EXHAUSTED;
  const flag = source.flag(key);
  if (flag === undefined) return NO;
  if (depth >= MAX_DEPTH) return EXHAUSTED;
  const evaluation = flag.evaluate(source, context, now, depth + 1);
  if (evaluation === flag.exhausted) return EXHAUSTED;
  if (evaluation.variant === undefined || evaluation.errorCode !== undefined) return NO;
  return variants.includes(evaluation.variant) ? YES : NO;
}

function readKind(flag: Members): FlagKind {
  const kind = requiredString(flag, 'kind');
  if (kind === 'boolean' || kind === 'string' || kind === 'number' || kind === 'json') return kind;
  throw new DocumentError('kind: unknown');
}

function readVariants(flag: Members): ReadonlyMap<string, Variant> {
  const variants = Object.entries(readObject(member(flag, 'variants'), 'variants'));
  return new Map(variants.map(([key, value]) => [key, { key, value: deepFreeze(value as JsonValue) }]));
}

function readOffVariant(flag: Members, variants: ReadonlyMap<string, Variant>): Variant {
  const off = variants.get(requiredString(flag, 'offVariant'));
  if (off === undefined) throw new DocumentError('offVariant: the flag has no such variant');
  return off;
}

function readPrerequisite(document: unknown, off: Variant): Prerequisite {
  const prerequisite = readObject(document, 'prerequisite');
  const flag = requiredString(prerequisite, 'flag');
  if (member(prerequisite, 'variants') === undefined) throw new DocumentError('variants: missing');
  const variants = each(prerequisite, 'variants', (variant) => {
    if (typeof variant !== 'string') throw new DocumentError('not a string');
    return variant;
  });
  return { flag, variants, unmet: served(off, 'DISABLED', { prerequisite: flag }) };
}

function readRule(document: unknown, scope: Omit<ServeScope, 'reason'>, off: Variant): Rule {
  const rule = readObject(document, 'rule');
  const ruleId = requiredString(rule, 'id');
  const audiences = each(rule, 'audiences', (element) => {
    const audience = readObject(element, 'audience');
    return { key: requiredString(audience, 'key'), negate: optionalBoolean(audience, 'negate') ?? false };
  });
  const tests = audiences.map(({ key, negate }) => negated(audienceTest(key), negate));
  const activeFrom = optionalInstant(rule, 'activeFrom');
  const activeUntil = optionalInstant(rule, 'activeUntil');
  const match = readMatch(rule);
  const serve = compileServe(member(rule, 'serve'), { ...scope, reason: 'TARGETING_MATCH', ruleId });
  return {
    activeFrom,
    activeUntil,
    test: tests.length === 0 ? EVERYONE : combine(match, tests),
    serve: serve.serve,
    broken: failed('PARSE_ERROR', `rule ${ruleId}: an audience is unknown, broken or nested in itself`, off),
    audiences: audiences.map((audience) => audience.key),
    usesTime: serve.usesTime || activeFrom !== undefined || activeUntil !== undefined,
  };
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
