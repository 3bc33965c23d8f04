/**
 * Asks the bridge for the ruleset every `pollIntervalMs`: for serverless functions and for proxies that buffer, where
 * no stream lives. What is held is named in the question, so an answer without news is one of a few hundred bytes.
 *
 *             start                 answered, failed, timed out
 *      idle ────────► asking ──────────────────────────────────► waiting       close: any ────► closed
 *                        ▲                 timer fires              │
 *                        └──────────────────────────────────────────┘
 *
 * There is at most one question and at most one timer. An answer that is older than what is held is kept out: several
 * bridges may stand behind one address, and one of them may lag. The same goes for another epoch in the mouth of a
 * bridge that says it is cut off from its database, once one that is not has answered.
 */
import { readPayload } from '../../evaluator/payload.ts';
import type { Payload } from '../../evaluator/payload.ts';
import { FaunaError } from '../../fauna-error.ts';
import type { Runtime, StreamResponse } from '../../runtime.ts';
import type { DataSink, DataSource } from '../data-source.ts';
import { errorOfException, errorOfResponse, retryAfterMs } from '../http/refusal.ts';
import { RetryDelay } from '../http/retry-delay.ts';
import { unlessAborted } from '../http/unless-aborted.ts';
import { SingleTimer } from '../../single-timer.ts';
import { readText } from './read-text.ts';

export interface PollOptions {
  /** Of the bridge, without `/v1/ruleset`. */
  readonly url: string;
  readonly key: string;
  readonly userAgent: string;
  readonly pollIntervalMs: number;
  /** For the head of an answer, and between two pieces of its body. */
  readonly connectTimeoutMs: number;
}

export type PollState = 'idle' | 'asking' | 'waiting' | 'closed';

const EXPECTED = { type: 'application/json', noun: 'ruleset' };
const NOT_MODIFIED = 304;

export class PollSource implements DataSource {
  readonly #options: PollOptions;
  readonly #runtime: Runtime;
  readonly #retryDelay: RetryDelay;
  /** For the answer, or for the next question. */
  readonly #timer: SingleTimer;
  #state: PollState = 'idle';
  #question: AbortController | undefined;
  #asking: Promise<void> = Promise.resolve();
  /** A bridge in touch with its database has said that what is held is its present state. */
  #isConfirmed = false;

  constructor(options: PollOptions, runtime: Runtime) {
    this.#options = options;
    this.#runtime = runtime;
    this.#retryDelay = new RetryDelay(runtime.random);
    this.#timer = new SingleTimer(runtime);
  }

  get state(): PollState {
    return this.#state;
  }

  start(sink: DataSink): void {
    if (this.#state !== 'idle') throw new Error('a data source is started once');
    this.#ask(sink);
  }

  async close(): Promise<void> {
    this.#state = 'closed';
    this.#timer.clear();
    this.#question?.abort();
    this.#question = undefined;
    await this.#asking;
  }

  #ask(sink: DataSink): void {
    const question = new AbortController();
    this.#state = 'asking';
    this.#question = question;
    this.#watch(question, sink);
    this.#asking = this.#read(question, sink);
  }

  /** Reads the answer to one question. Never rejects: every end leads to the wait for the next. */
  async #read(question: AbortController, sink: DataSink): Promise<void> {
    const { signal } = question;
    try {
      const headers = this.#headers(sink);
      const asked = this.#runtime.fetch(`${this.#options.url}/v1/ruleset`, { headers, signal });
      const response = await unlessAborted(asked, signal);
      if (question !== this.#question) return;
      const isNews = response.status !== NOT_MODIFIED;
      const refusal = isNews ? errorOfResponse(response, EXPECTED) : undefined;
      if (refusal !== undefined) {
        this.#failed(question, sink, refusal, retryAfterMs(response.headers, this.#runtime.now()));
        return;
      }
      this.#watch(question, sink);
      const text = await unlessAborted(
        readText(response.body, () => {
          this.#watch(question, sink);
        }),
        signal,
      );
      if (question === this.#question) this.#answered(question, sink, response, isNews ? text : undefined);
    } catch (error) {
      this.#failed(question, sink, errorOfException(error));
    }
  }

  #answered(
    question: AbortController,
    sink: DataSink,
    { headers }: StreamResponse,
    text: string | undefined,
  ): void {
    const isServerStale = headers.get('fauna-stale') === 'true';
    if (text !== undefined) {
      const payload = payloadOf(text);
      const isOtherLog = sink.position !== undefined && sink.position.epoch !== payload.epoch;
      if (!(isServerStale && this.#isConfirmed && isOtherLog)) {
        sink.apply(payload, { mayGoBack: false, isServerStale });
      }
    }
    // A listener of the change may have closed the client.
    if (question !== this.#question) return;
    if (!isServerStale) this.#isConfirmed = true;
    this.#question = undefined;
    this.#retryDelay.reset();
    const { pollIntervalMs } = this.#options;
    // A little apart, so that clients started together do not ask together for ever.
    this.#wait(sink, Math.round(pollIntervalMs * (1 - this.#runtime.random() / 10)));
    sink.live(isServerStale);
  }

  #failed(question: AbortController, sink: DataSink, error: FaunaError, atLeastMs = 0): void {
    if (question !== this.#question) return;
    this.#question = undefined;
    question.abort();
    this.#wait(sink, this.#retryDelay.after(error, 0, atLeastMs));
    sink.interrupted(error);
  }

  #wait(sink: DataSink, delayMs: number): void {
    this.#state = 'waiting';
    this.#timer.set(delayMs, () => {
      this.#ask(sink);
    });
  }

  #watch(question: AbortController, sink: DataSink): void {
    if (question !== this.#question) return;
    const timeoutMs = this.#options.connectTimeoutMs;
    this.#timer.set(timeoutMs, () => {
      this.#failed(question, sink, new FaunaError('TIMEOUT', `no answer within ${timeoutMs} ms`));
    });
  }

  #headers({ resumableFrom }: DataSink): Record<string, string> {
    return {
      accept: 'application/json',
      // The next question is seconds away, and a socket kept for it would outlive `close()`.
      connection: 'close',
      // Whatever cache stands between has to ask, too.
      'cache-control': 'no-cache',
      authorization: `Bearer ${this.#options.key}`,
      'user-agent': this.#options.userAgent,
      ...(resumableFrom === undefined
        ? {}
        : { 'if-none-match': `"${resumableFrom.epoch}:${resumableFrom.revision}"` }),
    };
  }
}

function payloadOf(text: string): Payload {
  try {
    const payload = readPayload(JSON.parse(text));
    if (payload.from === undefined) return payload;
  } catch (cause) {
    throw new FaunaError('PROTOCOL', 'an unusable ruleset', { cause });
  }
  throw new FaunaError('PROTOCOL', 'a patch in place of a ruleset');
}
