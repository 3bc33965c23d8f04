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

export class RulesetStore {
  #ruleset: Ruleset | undefined;
  readonly #onChange: (change: RulesetChange) => void;

  constructor(onChange: (change: RulesetChange) => void) {
    this.#onChange = onChange;
  }

  get ruleset(): Ruleset | undefined {
    return this.#ruleset;
  }

  /** See {@link DataSink.apply}. */
  apply(payload: Payload, mayGoBack: boolean): ApplyResult {
    const held = this.#ruleset?.position;
    const verdict = judge(held, payload, mayGoBack);
    if (verdict !== 'applied') return verdict;
    const { ruleset, changed } = Ruleset.after(this.#ruleset, payload);
    if (changed.length === 0 && isSameLog(held, payload) && held.revision === payload.revision)
      return 'known';
    this.#ruleset = ruleset;
    this.#onChange({ keys: changed, epoch: payload.epoch, revision: payload.revision });
    return 'applied';
  }
}

function judge(held: Position | undefined, payload: Payload, mayGoBack: boolean): ApplyResult {
  if (payload.from === undefined) {
    return isSameLog(held, payload) && payload.revision < held.revision && !mayGoBack ? 'older' : 'applied';
  }
  if (!isSameLog(held, payload)) return 'gap';
  if (payload.revision <= held.revision) return 'known';
  return payload.from === held.revision ? 'applied' : 'gap';
}

function isSameLog(held: Position | undefined, payload: Payload): held is Position {
  return held?.environment === payload.environment && held.epoch === payload.epoch;
}
