/**
 * Keeps one stream of documents open, for as long as the client lives.
 *
 *             start                 answer is a stream
 *      idle ────────► connecting ───────────────────────► streaming
 *                      ▲      │                                │
 *          timer fires │      │ refused, failed, timed out     │ ended, silent, unusable
 *                      │      ▼                                │
 *                      waiting ◄───────────────────────────────┘            close: any ────► closed
 *
 * There is at most one connection and at most one timer for the next: every way out of `connecting` and `streaming`
 * goes through `#disconnect`, which a connection that is no longer the present one cannot call. Events of an old
 * connection are therefore dead, and attempts cannot multiply.
 *
 * A stream resumes with `Last-Event-ID`, taken from what was applied and not from what was received. When a payload
 * does not fit or cannot be read the next connection asks for everything instead.
 */
import { readPayload } from '../../evaluator/payload.ts';
import type { Payload } from '../../evaluator/payload.ts';
import { FaunaError } from '../../fauna-error.ts';
import type { Runtime } from '../../runtime.ts';
import type { DataSink, DataSource } from '../data-source.ts';
import { errorOfException, errorOfResponse, retryAfterMs } from '../http/refusal.ts';
import { RetryDelay } from '../http/retry-delay.ts';
import { unlessAborted } from '../http/unless-aborted.ts';
import { SingleTimer } from '../../single-timer.ts';
import { SseParser } from './sse-parser.ts';
import type { SseEvent } from './sse-parser.ts';

export interface StreamOptions {
  /** Of the bridge, without `/v1/stream`. */
  readonly url: string;
  readonly key: string;
  readonly userAgent: string;
  readonly connectTimeoutMs: number;
  readonly heartbeatTimeoutMs: number;
}

const EXPECTED = { type: 'text/event-stream', noun: 'event stream' };

export type StreamState = 'idle' | 'connecting' | 'streaming' | 'waiting' | 'closed';

/** One attempt and, if it succeeds, its stream. */
interface Connection {
  readonly controller: AbortController;
  readonly isResuming: boolean;
  /** When its answer came. */
  openedAt: number | undefined;
  isServerStale: boolean;
  /** It has brought us to the server's revision at least once. */
  isCurrent: boolean;
  /** The server lags behind what we hold. */
  isBehindUs: boolean;
}

export class StreamSource implements DataSource {
  readonly #options: StreamOptions;
  readonly #runtime: Runtime;
  readonly #retryDelay: RetryDelay;
  /** For the answer, for the next sign of life, or for the next attempt. */
  readonly #timer: SingleTimer;
  #sink: DataSink | undefined;
  #state: StreamState = 'idle';
  #connection: Connection | undefined;
  #needsPut = false;
  /** A server has said in this process what is current; until then what is held is the last run's. */
  #hasHeard = false;
  #reading: Promise<void> = Promise.resolve();

  constructor(options: StreamOptions, runtime: Runtime) {
    this.#options = options;
    this.#runtime = runtime;
    this.#retryDelay = new RetryDelay(runtime.random);
    this.#timer = new SingleTimer(runtime);
  }

  get state(): StreamState {
    return this.#state;
  }

  start(sink: DataSink): void {
    if (this.#state !== 'idle') throw new Error('a data source is started once');
    this.#sink = sink;
    this.#connect(sink);
  }

  async close(): Promise<void> {
    this.#state = 'closed';
    this.#timer.clear();
    this.#connection?.controller.abort();
    this.#connection = undefined;
    await this.#reading;
  }

  #connect(sink: DataSink): void {
    const lastEventId = this.#needsPut ? undefined : eventIdOf(sink);
    const connection: Connection = {
      controller: new AbortController(),
      isResuming: lastEventId !== undefined,
      openedAt: undefined,
      isServerStale: false,
      isCurrent: false,
      isBehindUs: false,
    };
    this.#state = 'connecting';
    this.#connection = connection;
    const timeoutMs = this.#options.connectTimeoutMs;
    this.#timer.set(timeoutMs, () => {
      this.#disconnect(connection, new FaunaError('TIMEOUT', `no answer within ${timeoutMs} ms`));
    });
    this.#reading = this.#read(connection, sink, lastEventId);
  }

  /** Reads one connection from request to end. Never rejects: every end becomes a disconnect. */
  async #read(connection: Connection, sink: DataSink, lastEventId: string | undefined): Promise<void> {
    const { signal } = connection.controller;
    try {
      const asked = this.#runtime.fetch(`${this.#options.url}/v1/stream`, {
        headers: this.#headers(lastEventId),
        signal,
      });
      const response = await unlessAborted(asked, signal);
      const refusal = errorOfResponse(response, EXPECTED);
      if (refusal !== undefined || response.body === null) {
        const error =
          refusal ?? new FaunaError('BAD_RESPONSE', 'the answer has no body', { status: response.status });
        this.#disconnect(connection, error, retryAfterMs(response.headers, this.#runtime.now()));
        return;
      }
      connection.isServerStale = response.headers.get('fauna-stale') === 'true';
      this.#opened(connection, sink);
      await this.#readBody(connection, sink, response.body);
      this.#disconnect(connection, new FaunaError('ENDED', 'the server ended the stream'));
    } catch (error) {
      this.#disconnect(connection, errorOfException(error));
    }
  }

  async #readBody(connection: Connection, sink: DataSink, body: AsyncIterable<Uint8Array>): Promise<void> {
    const parser = new SseParser({
      onEvent: (event) => {
        if (connection === this.#connection) this.#receive(connection, sink, event);
      },
      onRetry: (delayMs) => {
        this.#retryDelay.setBase(delayMs);
      },
    });
    const read = async (): Promise<void> => {
      for await (const chunk of body) {
        if (connection !== this.#connection) return;
        this.#watch(connection);
        parser.push(chunk);
      }
    };
    await unlessAborted(read(), connection.controller.signal);
  }

  #opened(connection: Connection, sink: DataSink): void {
    if (connection !== this.#connection) return;
    this.#state = 'streaming';
    connection.openedAt = this.#runtime.now();
    this.#watch(connection);
    // A server that resumes sends only what is new, perhaps nothing. What a cache has may be of any age, though: then
    // we are live with the first thing the server says, which is its status if there is nothing new.
    if (connection.isResuming && this.#hasHeard) sink.live(connection.isServerStale);
  }

  /** Heartbeats come every 15 s; silence means a connection that died without telling. */
  #watch(connection: Connection): void {
    const timeoutMs = this.#options.heartbeatTimeoutMs;
    this.#timer.set(timeoutMs, () => {
      this.#disconnect(connection, new FaunaError('TIMEOUT', `silence for ${timeoutMs} ms`));
    });
  }

  #receive(connection: Connection, sink: DataSink, event: SseEvent): void {
    try {
      if (event.type === 'put' || event.type === 'patch') this.#apply(connection, sink, event);
      else if (event.type === 'status') this.#serverStatus(connection, sink, event);
    } catch (cause) {
      this.#resync(connection, `an unusable ${event.type} event`, cause);
    }
  }

  #apply(connection: Connection, sink: DataSink, event: SseEvent): void {
    const payload = readPayload(JSON.parse(event.data));
    if (event.type === 'patch' && payload.from === undefined) throw new Error('a patch needs a from');
    if (connection.isBehindUs && hasCaughtUp(sink, payload)) {
      // Its way to our revision need not have been ours.
      this.#resync(connection, 'the server caught up');
      return;
    }
    // A server that was told where we are reads its database before it sends us back.
    const mayGoBack = connection.isResuming || connection.isCurrent;
    switch (sink.apply(payload, { mayGoBack, isServerStale: connection.isServerStale })) {
      case 'gap':
        this.#resync(connection, 'a patch that does not continue the ruleset');
        return;
      case 'older':
        connection.isBehindUs = true;
        break;
      case 'applied':
      case 'known':
        connection.isCurrent = true;
        break;
    }
    if (payload.from === undefined) this.#needsPut = false;
    this.#hasHeard = true;
    if (connection === this.#connection) sink.live(connection.isServerStale);
  }

  #serverStatus(connection: Connection, sink: DataSink, event: SseEvent): void {
    const status = JSON.parse(event.data) as { readonly stale?: unknown } | null;
    connection.isServerStale = status?.stale === true;
    if (!connection.isResuming && !connection.isCurrent) return;
    // One that is cut off does not know what is current.
    if (!connection.isServerStale) this.#hasHeard = true;
    sink.live(connection.isServerStale);
  }

  #resync(connection: Connection, message: string, cause?: unknown): void {
    this.#needsPut = true;
    this.#disconnect(connection, new FaunaError('PROTOCOL', message, { cause }));
  }

  /** The only way from a connection to the wait for the next. */
  #disconnect(connection: Connection, error: FaunaError, atLeastMs = 0): void {
    if (connection !== this.#connection || this.#sink === undefined) return;
    const sink = this.#sink;
    this.#connection = undefined;
    connection.controller.abort();

    const uptimeMs = connection.openedAt === undefined ? 0 : this.#runtime.now() - connection.openedAt;
    this.#state = 'waiting';
    this.#timer.set(this.#retryDelay.after(error, uptimeMs, atLeastMs), () => {
      this.#connect(sink);
    });
    sink.interrupted(error);
  }

  #headers(lastEventId: string | undefined): Record<string, string> {
    return {
      accept: 'text/event-stream',
      'cache-control': 'no-store',
      authorization: `Bearer ${this.#options.key}`,
      'user-agent': this.#options.userAgent,
      ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }),
    };
  }
}

function eventIdOf({ resumableFrom }: DataSink): string | undefined {
  return resumableFrom && `${resumableFrom.epoch}:${resumableFrom.revision}`;
}

function hasCaughtUp({ position }: DataSink, payload: Payload): boolean {
  return position?.epoch !== payload.epoch || payload.revision >= position.revision;
}
