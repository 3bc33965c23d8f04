/** A timer of which there is at most one: setting it again replaces it. */
import type { Runtime } from './runtime.ts';

export class SingleTimer {
  readonly #runtime: Runtime;
  readonly #isBackground: boolean;
  #timer: unknown;

  /** One in the `background` does not keep the process running. */
  constructor(runtime: Runtime, { background = false }: { readonly background?: boolean } = {}) {
    this.#runtime = runtime;
    this.#isBackground = background;
  }

  set(delayMs: number, callback: () => void): void {
    this.clear();
    this.#timer = this.#runtime.setTimeout(() => {
      this.#timer = undefined;
      callback();
    }, delayMs);
    if (this.#isBackground) unref(this.#timer);
  }

  clear(): void {
    if (this.#timer !== undefined) this.#runtime.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  get isSet(): boolean {
    return this.#timer !== undefined;
  }
}

/** Timers of Node can do without holding the process; others may not know of that. */
function unref(timer: unknown): void {
  const { unref: release } = Object(timer) as { readonly unref?: () => void };
  release?.call(timer);
}
