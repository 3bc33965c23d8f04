/** Hooks: what an application does with every evaluation, such as telling an analytics system who was exposed to what. */
import type { EvaluationDetails } from './client/details.ts';
import type { EvaluationContext } from './evaluator/context.ts';
import type { JsonValue } from './evaluator/json-value.ts';
import type { Logger } from './logger.ts';

/**
 * Told of evaluations. Evaluation waits for a hook: it should put what it is told aside and do the slow part later. One
 * that throws, or whose promise rejects, harms nobody, and the log says so once.
 */
export interface Hook {
  /**
   * Called after each evaluation by `boolean`, `string`, `number`, `json` and their twins with details; not by
   * `evaluateAll`, of which nobody knows what is looked at. `details.value` is what the caller gets. The context is the
   * caller's own object.
   */
  readonly afterEvaluation: (details: EvaluationDetails<JsonValue>, context: EvaluationContext) => void;
}

interface Registered {
  readonly hook: Hook;
  hasFailed: boolean;
}

/** The hooks of one client, in the order they were added. */
export class Hooks {
  readonly #logger: Logger;
  /** Replaced, never changed: a hook may add or remove hooks while it is called. */
  #registered: readonly Registered[] = [];

  constructor(hooks: readonly Hook[], logger: Logger) {
    this.#logger = logger;
    for (const hook of hooks) this.add(hook);
  }

  get isEmpty(): boolean {
    return this.#registered.length === 0;
  }

  /** Adds a hook and returns what removes it. Throws a TypeError for what is none. */
  add(hook: Hook): () => void {
    if (typeof (hook as Partial<Hook> | null)?.afterEvaluation !== 'function') {
      throw new TypeError('a hook must have the function afterEvaluation');
    }
    const entry = { hook, hasFailed: false };
    this.#registered = [...this.#registered, entry];
    return () => {
      this.#registered = this.#registered.filter((other) => other !== entry);
    };
  }

  afterEvaluation(details: EvaluationDetails<JsonValue>, context: EvaluationContext): void {
    for (const entry of this.#registered) {
      try {
        const tell = entry.hook.afterEvaluation as (...told: unknown[]) => unknown;
        const returned = tell.call(entry.hook, details, context);
        if (returned instanceof Promise) {
          returned.catch((error: unknown) => {
            this.#failed(entry, error);
          });
        }
      } catch (error) {
        this.#failed(entry, error);
      }
    }
  }

  #failed(entry: Registered, error: unknown): void {
    if (entry.hasFailed) return;
    entry.hasFailed = true;
    const reason = error instanceof Error ? error.message : String(error);
    this.#logger.error(`a hook threw, which is said once: ${reason}`);
  }
}
