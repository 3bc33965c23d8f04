/**
 * How long to wait before the next attempt: exponential from `baseMs` to `maxMs`, shortened by up to half at random so
 * that clients that lost the same server do not come back in step. A connection that stayed up for `healthyMs` starts
 * over; a shorter one does not, else a server that accepts and drops would be hammered.
 */
export interface BackoffOptions {
  readonly baseMs: number;
  readonly maxMs: number;
  readonly healthyMs: number;
}

export class Backoff {
  readonly #options: BackoffOptions;
  readonly #random: () => number;
  #baseMs: number;
  #failures = 0;

  constructor(options: BackoffOptions, random: () => number) {
    this.#options = options;
    this.#random = random;
    this.#baseMs = options.baseMs;
  }

  /** The server's wish for the first delay, within our own bounds. */
  setBase(delayMs: number): void {
    this.#baseMs = Math.min(Math.max(delayMs, this.#options.baseMs), this.#options.maxMs);
  }

  /** All is well: the next failure is the first. */
  reset(): void {
    this.#failures = 0;
  }

  /** The wait after a connection that was up for `uptimeMs` (0 if it never was). */
  next(uptimeMs: number): number {
    if (uptimeMs >= this.#options.healthyMs) this.#failures = 0;
    const full = Math.min(this.#baseMs * 2 ** this.#failures, this.#options.maxMs);
    if (full < this.#options.maxMs) this.#failures += 1;
    return this.jittered(full);
  }

  /** A random wait between half of `delayMs` and the whole. */
  jittered(delayMs: number): number {
    return Math.round(delayMs * (1 - this.#random() / 2));
  }
}
