/**
 * Evaluation as an application calls it: typed, with a default, over whatever ruleset there is now. Nothing here does
 * I/O, and nothing throws: not for a flag that does not exist, nor for a context whose getters throw.
 */
import type { EvaluationContext } from '../evaluator/context.ts';
import type { Evaluation } from '../evaluator/evaluation.ts';
import type { CompiledFlag } from '../evaluator/flag.ts';
import { instantOfMs } from '../evaluator/instant.ts';
import type { Instant } from '../evaluator/instant.ts';
import type { JsonValue } from '../evaluator/json-value.ts';
import { FLAG_NOT_FOUND } from '../evaluator/ruleset.ts';
import type { Ruleset } from '../evaluator/ruleset.ts';
import type { UsageCount } from '../evaluator/usage.ts';
import { defaulted, detailsOf, detailsWith } from './details.ts';
import type { EvaluationDetails } from './details.ts';

/** What a caller asks for; `json` is any value of a flag of kind `json`. */
export type ValueType = 'boolean' | 'string' | 'number' | 'json';

/** All flags of an environment, evaluated for one context; a flag that cannot be evaluated has an error code. */
export type EvaluatedFlags = Readonly<Record<string, EvaluationDetails<JsonValue | undefined>>>;

export class Evaluator {
  /** Whether evaluations are counted, for {@link takeUsage}. Off, counting costs nothing; on, an addition. */
  countsUsage = false;
  private readonly ruleset: () => Ruleset | undefined;
  private readonly clock: () => Instant;

  constructor(ruleset: () => Ruleset | undefined, nowMs: () => number) {
    this.ruleset = ruleset;
    this.clock = () => instantOfMs(nowMs());
  }

  /** The flag's value; undefined when there is none of this type. */
  value(key: string, context: EvaluationContext, type: ValueType): JsonValue | undefined {
    const ruleset = this.ruleset();
    const flag = ruleset?.flag(key);
    if (ruleset === undefined || flag === undefined) return undefined;
    const evaluation = tryEvaluate(ruleset, flag, context, this.clock);
    const value = evaluation?.value;
    const isServed = isOfType(flag, value, type);
    if (this.countsUsage) count(flag, isServed ? evaluation : undefined);
    return isServed ? value : undefined;
  }

  details<T extends JsonValue>(
    key: string,
    context: EvaluationContext,
    fallback: T,
    type: ValueType,
  ): EvaluationDetails<T> {
    const ruleset = this.ruleset();
    if (ruleset === undefined) {
      return defaulted(key, fallback, 'PROVIDER_NOT_READY', 'no ruleset has arrived yet');
    }
    const flag = ruleset.flag(key);
    if (flag === undefined) return detailsWith(key, FLAG_NOT_FOUND, fallback, ruleset.position);
    const evaluation = tryEvaluate(ruleset, flag, context, this.clock);
    const isServed = evaluation !== undefined && isOfType(flag, evaluation.value, type);
    if (this.countsUsage) count(flag, isServed ? evaluation : undefined);
    if (evaluation === undefined) return unreadable(key, fallback, ruleset);
    if (isServed) return detailsOf(key, evaluation, ruleset.position) as EvaluationDetails<T>;
    if (evaluation.value === undefined) return detailsWith(key, evaluation, fallback, ruleset.position);
    return defaulted(key, fallback, 'TYPE_MISMATCH', `the flag has no ${type} value`, ruleset.position);
  }

  /** Every flag of the environment by its key; empty before there is a ruleset. Not counted as usage. */
  all(context: EvaluationContext): EvaluatedFlags {
    const ruleset = this.ruleset();
    // Without a prototype, so that a flag that does not exist is not found even if it is called `toString`.
    const all = Object.create(null) as Record<string, EvaluationDetails<JsonValue | undefined>>;
    if (ruleset === undefined) return all;
    let now: Instant | undefined;
    const atOnce = (): Instant => (now ??= this.clock());
    const { position } = ruleset;
    ruleset.forEachFlag((key, flag) => {
      const evaluation = tryEvaluate(ruleset, flag, context, atOnce);
      if (evaluation === undefined) all[key] = unreadable(key, undefined, ruleset);
      else if (evaluation.value === undefined) all[key] = detailsWith(key, evaluation, undefined, position);
      else all[key] = detailsOf(key, evaluation, position);
    });
    return all;
  }

  /** What was counted since this was called last; see `usage.ts`. */
  takeUsage(): UsageCount[] {
    return this.ruleset()?.takeUsage() ?? [];
  }
}

/** The evaluation; undefined when reading the context threw. */
function tryEvaluate(
  ruleset: Ruleset,
  flag: CompiledFlag,
  context: EvaluationContext,
  clock: () => Instant,
): Evaluation | undefined {
  try {
    return ruleset.evaluateFlag(flag, context, clock);
  } catch {
    return undefined;
  }
}

/** Notes what the application was given: an evaluation's variant, or its own default. */
function count(flag: CompiledFlag, served: Evaluation | undefined): void {
  if (served === undefined) flag.countDefault();
  else served.count();
}

function isOfType(flag: CompiledFlag, value: JsonValue | undefined, type: ValueType): boolean {
  switch (type) {
    case 'boolean':
      return typeof value === 'boolean';
    case 'string':
      return typeof value === 'string';
    case 'number':
      return typeof value === 'number';
    case 'json':
      return value !== undefined && flag.kind === 'json';
  }
}

function unreadable<T>(key: string, fallback: T, ruleset: Ruleset): EvaluationDetails<T> {
  return defaulted(key, fallback, 'INVALID_CONTEXT', 'the context threw while it was read', ruleset.position);
}
