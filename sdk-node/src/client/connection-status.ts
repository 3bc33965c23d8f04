/**
 * What a client can honestly say about itself.
 *
 *     initializing ──first ruleset──► ready ◄──changes arrive again──► stale          close: any ──► closed
 *                                           ──cut off for staleAfterMs,
 *                                             or the server says that it is──►
 *                  ──a bootstrap, what was known before────────────────►
 *
 * A client without a ruleset stays `initializing` however long it is cut off: `stale` means that there are values, of
 * some age.
 */
import type { Runtime } from '../runtime.ts';
import { SingleTimer } from '../single-timer.ts';

export type ClientStatus = 'initializing' | 'ready' | 'stale' | 'closed';

export interface StatusChange {
  readonly status: ClientStatus;
  readonly previous: ClientStatus;
}

export class ConnectionStatus {
  readonly #staleTimer: SingleTimer;
  readonly #staleAfterMs: number;
  readonly #onChange: (change: StatusChange) => void;
  #status: ClientStatus = 'initializing';
  #isCutOff = true;

  constructor(runtime: Runtime, staleAfterMs: number, onChange: (change: StatusChange) => void) {
    this.#staleTimer = new SingleTimer(runtime);
    this.#staleAfterMs = staleAfterMs;
    this.#onChange = onChange;
  }

  get current(): ClientStatus {
    return this.#status;
  }

  /** A ruleset is held; `isStale` when it is of unknown age. */
  hasRuleset(isStale: boolean): void {
    if (this.#status !== 'initializing') return;
    // First the timer: whoever hears of the status may close the client.
    if (!isStale && this.#isCutOff) this.#startTimer();
    this.#set(isStale ? 'stale' : 'ready');
  }

  /** Changes arrive; or they would, if the server itself were not cut off. */
  live(isServerStale: boolean): void {
    if (this.#status === 'closed') return;
    this.#isCutOff = isServerStale;
    this.#staleTimer.clear();
    if (this.#status !== 'initializing') this.#set(isServerStale ? 'stale' : 'ready');
  }

  /** Changes no longer arrive. */
  interrupted(): void {
    if (this.#status === 'closed') return;
    this.#isCutOff = true;
    if (this.#status === 'ready' && !this.#staleTimer.isSet) this.#startTimer();
  }

  close(): void {
    this.#staleTimer.clear();
    this.#set('closed');
  }

  #set(status: ClientStatus): void {
    const previous = this.#status;
    if (status === previous) return;
    this.#status = status;
    this.#onChange({ status, previous });
  }

  #startTimer(): void {
    this.#staleTimer.set(this.#staleAfterMs, () => {
      if (this.#status === 'ready') this.#set('stale');
    });
  }
}
