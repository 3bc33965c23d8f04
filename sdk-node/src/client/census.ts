/**
 * Counts the clients that are open for the same bridge and key. A client is made once and shared; an application that
 * makes one for every request has as many connections as requests, which shows late and elsewhere, so it is said early.
 */
import type { Logger } from '../logger.ts';

const MANY = 10;

const counts = new Map<string, number>();

export class Registration {
  readonly #identity: string;
  #isOver = false;

  /** Counts one more client of `identity`, and warns when there are many. */
  constructor(identity: string, logger: Logger) {
    this.#identity = identity;
    const count = (counts.get(identity) ?? 0) + 1;
    counts.set(identity, count);
    if (count === MANY) {
      logger.warn(
        `${count} clients of the same key are open in this process: make one and share it, and close those that are done`,
      );
    }
  }

  close(): Promise<void> {
    if (!this.#isOver) {
      this.#isOver = true;
      const count = (counts.get(this.#identity) ?? 0) - 1;
      if (count > 0) counts.set(this.#identity, count);
      else counts.delete(this.#identity);
    }
    return Promise.resolve();
  }
}
