/** A timer of which there is at most one: setting it again replaces it. */
import type { Runtime } from './runtime.ts';

export class SingleTimer {
  readonly #runtime: Runtime;
  #timer: unknown;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  set(delayMs: number, callback: () => void): void {
    this.clear();
    this.#timer = this.#runtime.setTimeout(() => {
      this.#timer = undefined;
      callback();
    }, delayMs);
  }

  clear(): void {
    if (this.#timer !== undefined) this.#runtime.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  get isSet(): boolean {
    return this.#timer !== undefined;
  }
}
