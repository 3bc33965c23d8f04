/** What the SDK needs from the world around it; injected, so that tests drive time, chance and the network. */
export interface Runtime {
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
  readonly setTimeout: (callback: () => void, delayMs: number) => unknown;
  readonly clearTimeout: (timer: unknown) => void;
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number;
  /** At least 0, below 1. */
  readonly random: () => number;
}

/** The real world, looked up at call time so that instrumentation which replaces `fetch` is honoured. */
export const DEFAULT_RUNTIME: Runtime = {
  fetch: (url, init) => globalThis.fetch(url, init),
  setTimeout: (callback, delayMs) => setTimeout(callback, delayMs),
  clearTimeout: (timer) => {
    clearTimeout(timer as NodeJS.Timeout);
  },
  now: () => Date.now(),
  random: () => Math.random(),
};
