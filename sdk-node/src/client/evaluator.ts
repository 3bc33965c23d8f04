/**
 * Evaluation as an application calls it: typed, with a default, over whatever ruleset there is now. Nothing here does
 * I/O, and nothing throws: not for a flag that does not exist, nor for a context whose getters throw.
 */
import type { EvaluationContext } from '../evaluator/context.ts';
import type { Evaluation } from '../evaluator/evaluation.ts';
import { instantOfMs } from '../evaluator/instant.ts';
import type { Instant } from '../evaluator/instant.ts';
import type { JsonValue } from '../evaluator/json-value.ts';
import type { Ruleset } from '../evaluator/ruleset.ts';
import { defaulted, detailsOf } from './details.ts';
import type { EvaluationDetails } from './details.ts';

/** What a caller asks for; `json` is any value of a flag of kind `json`. */
export type ValueType = 'boolean' | 'string' | 'number' | 'json';

/** All flags of an environment, evaluated for one context; a flag that cannot be evaluated has an error code. */
export type EvaluatedFlags = Readonly<Record<string, EvaluationDetails<JsonValue | undefined>>>;

export class Evaluator {
  readonly #ruleset: () => Ruleset | undefined;
  readonly #clock: () => Instant;

  constructor(ruleset: () => Ruleset | undefined, nowMs: () => number) {
    this.#ruleset = ruleset;
    this.#clock = () => instantOfMs(nowMs());
  }

  /** The flag's value; undefined when there is none of this type. */
  value(key: string, context: EvaluationContext, type: ValueType): JsonValue | undefined {
    const ruleset = this.#ruleset();
    if (ruleset === undefined) return undefined;
    try {
      const { value } = ruleset.evaluate(key, context, this.#clock);
      return isOfType(ruleset, key, value, type) ? value : undefined;
    } catch {
      // Reading the context threw; the twin with details says so.
      return undefined;
    }
  }

  details<T extends JsonValue>(
    key: string,
    context: EvaluationContext,
    fallback: T,
    type: ValueType,
  ): EvaluationDetails<T> {
    const ruleset = this.#ruleset();
    if (ruleset === undefined) {
      return defaulted(key, fallback, 'PROVIDER_NOT_READY', 'no ruleset has arrived yet');
    }
    const evaluation = tryEvaluate(ruleset, key, context, this.#clock);
    if (evaluation === undefined) return unreadable(key, fallback, ruleset);
    const { value } = evaluation;
    if (value === undefined) return detailsOf(key, evaluation, fallback, ruleset.position);
    if (isOfType(ruleset, key, value, type)) return detailsOf(key, evaluation, value as T, ruleset.position);
    return defaulted(key, fallback, 'TYPE_MISMATCH', `the flag has no ${type} value`, ruleset.position);
  }

  /** Every flag of the environment by its key; empty before there is a ruleset. */
  all(context: EvaluationContext): EvaluatedFlags {
    const ruleset = this.#ruleset();
    // Without a prototype, so that a flag that does not exist is not found even if it is called `toString`.
    const all = Object.create(null) as Record<string, EvaluationDetails<JsonValue | undefined>>;
    if (ruleset === undefined) return all;
    let now: Instant | undefined;
    const atOnce = (): Instant => (now ??= this.#clock());
    for (const key of ruleset.flagKeys) {
      const evaluation = tryEvaluate(ruleset, key, context, atOnce);
      all[key] =
        evaluation === undefined
          ? unreadable(key, undefined, ruleset)
          : detailsOf(key, evaluation, evaluation.value, ruleset.position);
    }
    return all;
  }
}

/** The evaluation; undefined when reading the context threw. */
function tryEvaluate(
  ruleset: Ruleset,
  key: string,
  context: EvaluationContext,
  clock: () => Instant,
): Evaluation | undefined {
  try {
    return ruleset.evaluate(key, context, clock);
  } catch {
    return undefined;
  }
}

function isOfType(ruleset: Ruleset, key: string, value: JsonValue | undefined, type: ValueType): boolean {
  return type === 'json' ? value !== undefined && ruleset.flag(key)?.kind === 'json' : typeof value === type;
}

function unreadable<T>(key: string, fallback: T, ruleset: Ruleset): EvaluationDetails<T> {
  return defaulted(key, fallback, 'INVALID_CONTEXT', 'the context threw while it was read', ruleset.position);
}
