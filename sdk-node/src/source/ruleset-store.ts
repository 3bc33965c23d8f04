/** Holds the present ruleset and decides which payloads may replace it. */
import type { Payload, Position } from '../evaluator/payload.ts';
import { Ruleset } from '../evaluator/ruleset.ts';
import type { ApplyResult } from './data-source.ts';

/** Flags that may evaluate otherwise since this configuration. */
export interface RulesetChange {
  /** The keys, sorted; a flag is listed too when an audience or a prerequisite it depends on changed. */
  readonly keys: readonly string[];
  readonly epoch: string;
  readonly revision: number;
}

/** What became of a payload, and if it was applied what that changed. */
export interface Application {
  readonly result: ApplyResult;
  readonly change?: RulesetChange;
}

export class RulesetStore {
  #ruleset: Ruleset | undefined;
  #isBootstrap = false;

  get ruleset(): Ruleset | undefined {
    return this.#ruleset;
  }

  /** See {@link DataSink.resumableFrom}. */
  get resumableFrom(): Position | undefined {
    return this.#isBootstrap ? undefined : this.#ruleset?.position;
  }

  /** Begins with what the application brought along, until something better comes. */
  bootstrap(payload: Payload): void {
    this.#ruleset = Ruleset.after(undefined, payload).ruleset;
    this.#isBootstrap = true;
  }

  /** See {@link DataSink.apply}. */
  apply(payload: Payload, mayGoBack: boolean): Application {
    const held = this.#ruleset?.position;
    const verdict = judge(this.#isBootstrap, held, payload, mayGoBack);
    if (verdict !== 'applied') return { result: verdict };
    const { ruleset, changed } = Ruleset.after(this.#ruleset, payload);
    this.#isBootstrap = false;
    // Also when no flag changed: audiences that no flag uses yet may differ, and the next patch builds on them.
    this.#ruleset = ruleset;
    if (changed.length === 0 && isSameLog(held, payload) && held.revision === payload.revision)
      return { result: 'known' };
    const { epoch, revision } = payload;
    return { result: 'applied', change: { keys: changed, epoch, revision } };
  }
}

function judge(
  isBootstrap: boolean,
  held: Position | undefined,
  payload: Payload,
  mayGoBack: boolean,
): ApplyResult {
  if (payload.from === undefined) {
    return isSameLog(held, payload) && payload.revision < held.revision && !mayGoBack ? 'older' : 'applied';
  }
  if (!isSameLog(held, payload)) return 'gap';
  // Of a bootstrap that is ahead, too: asking for everything would give the older put again.
  if (payload.revision <= held.revision) return 'known';
  // Whether a bootstrap is what its revision says, nobody knows; nothing is built on it.
  return !isBootstrap && payload.from === held.revision ? 'applied' : 'gap';
}

function isSameLog(held: Position | undefined, payload: Payload): held is Position {
  return held?.environment === payload.environment && held.epoch === payload.epoch;
}
