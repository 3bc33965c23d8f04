/** Logs an outage once when it begins, once per kind of failure while it lasts, and once when it is over. */
import type { FaunaError } from '../fauna-error.ts';
import type { Logger } from '../logger.ts';

export class OutageLog {
  readonly #logger: Logger;
  readonly #seen = new Set<string>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  failed(error: FaunaError): void {
    const kind = `${error.code} ${error.status ?? ''}`;
    if (this.#seen.has(kind)) return;
    this.#seen.add(kind);
    this.#logger.warn(`flag changes do not arrive: ${error.message}; trying again`);
  }

  over(): void {
    if (this.#seen.size === 0) return;
    this.#seen.clear();
    this.#logger.info('flag changes arrive again');
  }
}
