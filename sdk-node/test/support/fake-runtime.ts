/**
 * A world that stands still until a test moves it: timers fire when time is advanced, requests wait until they are
 * answered. Nothing global is replaced.
 */
import type { Runtime } from '../../src/runtime.ts';

interface Settle {
  readonly resolve: (response: Response) => void;
  readonly reject: (error: unknown) => void;
}

interface Timer {
  readonly at: number;
  readonly callback: () => void;
}

/** A request that the code under test has made. */
export class FakeRequest {
  readonly url: string;
  readonly method: string | undefined;
  readonly body: unknown;
  readonly headers: Headers;
  readonly signal: AbortSignal | null | undefined;
  readonly #settle: Settle;
  #stream: ReadableStreamDefaultController<Uint8Array> | undefined;

  constructor(url: string, init: RequestInit, settle: Settle) {
    this.url = url;
    this.method = init.method;
    this.body = init.body;
    this.headers = new Headers(init.headers);
    this.signal = init.signal;
    this.#settle = settle;
    this.signal?.addEventListener('abort', () => {
      this.fail(new DOMException('aborted', 'AbortError'));
    });
  }

  get isAborted(): boolean {
    return this.signal?.aborted === true;
  }

  /** Its answer is an open stream, or was. */
  get isAnswered(): boolean {
    return this.#stream !== undefined;
  }

  /** Answers; by default with an open event stream. */
  async answer(
    status = 200,
    headers: Record<string, string> = { 'content-type': 'text/event-stream' },
  ): Promise<void> {
    if (this.#stream !== undefined) throw new Error('a request is answered once');
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#stream = controller;
      },
    });
    this.#settle.resolve(new Response(body, { status, headers }));
    await flush();
  }

  /** Answers with a body that is whole. */
  async answerWhole(status: number, headers: Record<string, string> = {}, text?: string): Promise<void> {
    this.#settle.resolve(new Response(text ?? null, { status, headers }));
    await flush();
  }

  /** Answers without a body. */
  async finish(status = 204, headers: Record<string, string> = {}): Promise<void> {
    this.#settle.resolve(new Response(null, { status, headers }));
    await flush();
  }

  /** Sends text on the open stream. */
  async send(text: string): Promise<void> {
    if (!this.isAborted) this.#stream?.enqueue(new TextEncoder().encode(text));
    await flush();
  }

  async event(type: string, data: unknown): Promise<void> {
    await this.send(`event: ${type}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  /** The server ends the stream. */
  async end(): Promise<void> {
    if (!this.isAborted) this.#stream?.close();
    await flush();
  }

  /** The network fails. */
  fail(error: unknown = new TypeError('fetch failed')): void {
    this.#settle.reject(error);
    try {
      this.#stream?.error(error);
    } catch {
      // The stream has ended already.
    }
  }
}

export class FakeRuntime implements Runtime {
  readonly requests: FakeRequest[] = [];
  readonly #timers = new Map<number, Timer>();
  #nextTimer = 1;
  #nowMs = Date.parse('2026-01-01T00:00:00Z');
  /** What `random` returns: 0 leaves delays at their full length. */
  chance = 0;

  readonly now = (): number => this.#nowMs;
  readonly random = (): number => this.chance;

  readonly setTimeout = (callback: () => void, delayMs: number): unknown => {
    const id = this.#nextTimer;
    this.#nextTimer += 1;
    this.#timers.set(id, { at: this.#nowMs + delayMs, callback });
    return id;
  };

  readonly clearTimeout = (id: unknown): void => {
    this.#timers.delete(id as number);
  };

  readonly fetch = (url: string, init: RequestInit): Promise<Response> =>
    new Promise((resolve, reject) => {
      this.requests.push(new FakeRequest(url, init, { resolve, reject }));
    });

  get timerCount(): number {
    return this.#timers.size;
  }

  /** The delays of the timers that wait, from now. */
  get delaysMs(): number[] {
    return [...this.#timers.values()].map((timer) => timer.at - this.#nowMs).sort((a, b) => a - b);
  }

  get lastRequest(): FakeRequest {
    const request = this.requests.at(-1);
    if (request === undefined) throw new Error('no request has been made');
    return request;
  }

  /** Sets the clock on without firing anything, as when a machine slept. */
  skip(ms: number): void {
    this.#nowMs += ms;
  }

  /** Moves time on and fires what falls due, in order. */
  async advance(ms: number): Promise<void> {
    await flush();
    const end = this.#nowMs + ms;
    for (;;) {
      const due = [...this.#timers]
        .filter(([, timer]) => timer.at <= end)
        .sort(([, a], [, b]) => a.at - b.at)[0];
      if (due === undefined) break;
      this.#timers.delete(due[0]);
      this.#nowMs = Math.max(this.#nowMs, due[1].at);
      due[1].callback();
      await flush();
    }
    this.#nowMs = end;
    await flush();
  }
}

/** Lets everything that is ready to run do so. */
export async function flush(): Promise<void> {
  for (let round = 0; round < 3; round += 1) await new Promise((resolve) => setImmediate(resolve));
}
