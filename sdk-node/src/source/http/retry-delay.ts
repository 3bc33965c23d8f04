/** How long a client of the bridge waits after a failure; the same for every way of asking. */
import type { FaunaError } from '../../fauna-error.ts';
import { Backoff } from './backoff.ts';
import { isRefusal } from './refusal.ts';

const BACKOFF = { baseMs: 1000, maxMs: 30_000, healthyMs: 60_000 };
/** A refused key may be created or renewed later, so it is tried again; but nobody is waiting for the answer. */
const REFUSED_RETRY_MS = 60_000;

export class RetryDelay {
  readonly #backoff: Backoff;

  constructor(random: () => number) {
    this.#backoff = new Backoff(BACKOFF, random);
  }

  /** See {@link Backoff.setBase}. */
  setBase(delayMs: number): void {
    this.#backoff.setBase(delayMs);
  }

  /** See {@link Backoff.reset}. */
  reset(): void {
    this.#backoff.reset();
  }

  /** The wait after `error` ended what was up for `uptimeMs`; at least as long as the server asked for. */
  after(error: FaunaError, uptimeMs: number, atLeastMs = 0): number {
    const delayMs = isRefusal(error)
      ? this.#backoff.jittered(REFUSED_RETRY_MS)
      : this.#backoff.next(uptimeMs);
    return Math.max(delayMs, atLeastMs);
  }
}
