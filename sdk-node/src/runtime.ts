import { send } from './http-send.ts';

/** What the SDK needs from the world around it; injected, so that tests drive time, chance and the network. */
export interface Runtime {
  /** The global `fetch` is one; without any, the SDK reads by `node:http` and `node:https`. */
  readonly fetch: (url: string, request: StreamRequest) => Promise<StreamResponse>;
  readonly setTimeout: (callback: () => void, delayMs: number) => unknown;
  readonly clearTimeout: (timer: unknown) => void;
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number;
  /** At least 0, below 1. */
  readonly random: () => number;
}

export interface StreamRequest {
  /** GET if left out. */
  readonly method?: 'POST';
  /** What a POST sends. */
  readonly body?: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

/** As much of a `Response` as reading a stream takes. */
export interface StreamResponse {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  readonly body: AsyncIterable<Uint8Array> | null;
}

/** The real world; timers are looked up at call time, so that whoever replaces them is honoured. */
export const DEFAULT_RUNTIME: Runtime = {
  fetch: send,
  setTimeout: (callback, delayMs) => setTimeout(callback, delayMs),
  clearTimeout: (timer) => {
    clearTimeout(timer as NodeJS.Timeout);
  },
  now: () => Date.now(),
  random: () => Math.random(),
};
