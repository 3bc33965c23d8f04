/**
 * The client: holds the present ruleset, evaluates against it, and tells of changes. It is wired to its source of
 * rulesets here and nowhere else.
 */
import type { EvaluationContext } from '../evaluator/context.ts';
import type { JsonValue } from '../evaluator/json-value.ts';
import { FaunaError } from '../fauna-error.ts';
import type { DataSink, DataSource } from '../source/data-source.ts';
import { RulesetStore } from '../source/ruleset-store.ts';
import type { RulesetChange } from '../source/ruleset-store.ts';
import { ConnectionStatus } from './connection-status.ts';
import type { ClientStatus, StatusChange } from './connection-status.ts';
import type { EvaluationDetails } from './details.ts';
import { Emitter } from './emitter.ts';
import type { Listener } from './emitter.ts';
import { Evaluator } from './evaluator.ts';
import type { EvaluatedFlags } from './evaluator.ts';
import { OutageLog } from './outage-log.ts';
import { duration } from './options.ts';
import type { ResolvedOptions } from './options.ts';

/** What a client tells, by the name of the event. */
export interface ClientEvents {
  /** The status became `ready`: the first ruleset is here, or changes arrive again. */
  readonly ready: StatusChange;
  /** The status became `stale`: changes have not arrived for `staleAfterMs`. */
  readonly stale: StatusChange;
  /** A put or a patch was applied. */
  readonly change: RulesetChange;
  /** The connection failed; it is tried again. */
  readonly error: FaunaError;
  /** The client was closed. */
  readonly close: StatusChange;
}

/** Evaluates flags in process and follows their changes. Made by `createClient`. */
export class FaunaClient {
  readonly #options: ResolvedOptions;
  readonly #source: DataSource;
  readonly #store: RulesetStore;
  readonly #status: ConnectionStatus;
  readonly #evaluator: Evaluator;
  readonly #events: Emitter<ClientEvents>;
  readonly #outages: OutageLog;
  #lastError: FaunaError | undefined;

  constructor(options: ResolvedOptions, source: DataSource) {
    const { logger, runtime } = options;
    this.#options = options;
    this.#source = source;
    this.#outages = new OutageLog(logger);
    this.#events = new Emitter((error) => {
      logger.error(`a listener threw: ${error instanceof Error ? error.message : String(error)}`);
    });
    this.#status = new ConnectionStatus(runtime, options.staleAfterMs, (change) => {
      this.#emitStatus(change);
    });
    this.#store = new RulesetStore((change) => {
      this.#status.hasRuleset();
      this.#events.emit('change', change);
    });
    this.#evaluator = new Evaluator(() => this.#store.ruleset, runtime.now);
    source.start(this.#sink());
  }

  /** Whether there are values, and whether they are up to date. */
  get status(): ClientStatus {
    return this.#status.current;
  }

  /** The environment and the exact configuration that evaluations use; undefined before the first. */
  get position():
    { readonly environment: string; readonly epoch: string; readonly revision: number } | undefined {
    return this.#store.ruleset?.position;
  }

  /** Why changes do not arrive at present; undefined while they do. */
  get error(): FaunaError | undefined {
    return this.#lastError;
  }

  /** The value of a boolean flag, or `fallback` if there is none. */
  boolean(key: string, context: EvaluationContext, fallback: boolean): boolean {
    const value = this.#evaluator.value(key, context, 'boolean');
    return value === undefined ? fallback : (value as boolean);
  }

  /** The value of a string flag, or `fallback` if there is none. */
  string(key: string, context: EvaluationContext, fallback: string): string {
    const value = this.#evaluator.value(key, context, 'string');
    return value === undefined ? fallback : (value as string);
  }

  /** The value of a number flag, or `fallback` if there is none. */
  number(key: string, context: EvaluationContext, fallback: number): number {
    const value = this.#evaluator.value(key, context, 'number');
    return value === undefined ? fallback : (value as number);
  }

  /** The value of a json flag, frozen, or `fallback` if there is none. Its shape is not checked. */
  json<T extends JsonValue>(key: string, context: EvaluationContext, fallback: T): T {
    const value = this.#evaluator.value(key, context, 'json');
    return value === undefined ? fallback : (value as T);
  }

  /** {@link boolean}, with how the value came about. */
  booleanDetails(key: string, context: EvaluationContext, fallback: boolean): EvaluationDetails<boolean> {
    return this.#evaluator.details(key, context, fallback, 'boolean');
  }

  /** {@link string}, with how the value came about. */
  stringDetails(key: string, context: EvaluationContext, fallback: string): EvaluationDetails<string> {
    return this.#evaluator.details(key, context, fallback, 'string');
  }

  /** {@link number}, with how the value came about. */
  numberDetails(key: string, context: EvaluationContext, fallback: number): EvaluationDetails<number> {
    return this.#evaluator.details(key, context, fallback, 'number');
  }

  /** {@link json}, with how the value came about. */
  jsonDetails<T extends JsonValue>(
    key: string,
    context: EvaluationContext,
    fallback: T,
  ): EvaluationDetails<T> {
    return this.#evaluator.details(key, context, fallback, 'json');
  }

  /** Every flag of the environment for one context, by key; empty before the first ruleset. */
  evaluateAll(context: EvaluationContext): EvaluatedFlags {
    return this.#evaluator.all(context);
  }

  /** Listens to an event; what it returns stops listening. */
  on<Name extends keyof ClientEvents>(name: Name, listener: Listener<ClientEvents[Name]>): () => void {
    return this.#events.on(name, listener);
  }

  off<Name extends keyof ClientEvents>(name: Name, listener: Listener<ClientEvents[Name]>): void {
    this.#events.off(name, listener);
  }

  /**
   * Resolves when there is a ruleset (at once if there is). Rejects with a {@link FaunaError} when there is none
   * within `timeoutMs` (that of the client by default) or the client is closed.
   */
  async waitUntilReady({ timeoutMs }: { readonly timeoutMs?: number } = {}): Promise<void> {
    const limitMs = duration('timeoutMs', timeoutMs, this.#options.timeoutMs);
    if (this.#status.current === 'closed') throw closedError();
    if (this.#store.ruleset !== undefined) return;
    const { runtime } = this.#options;
    await new Promise<void>((resolve, reject) => {
      const settle = (outcome: () => void): void => {
        runtime.clearTimeout(timer);
        stopReady();
        stopClose();
        outcome();
      };
      const timer = runtime.setTimeout(() => {
        settle(() => {
          const cause = this.#lastError;
          reject(new FaunaError('TIMEOUT', `no ruleset within ${limitMs} ms`, { cause }));
        });
      }, limitMs);
      const stopReady = this.#events.on('ready', () => {
        settle(resolve);
      });
      const stopClose = this.#events.on('close', () => {
        settle(() => {
          reject(closedError());
        });
      });
    });
  }

  /**
   * Ends the connection; when it resolves no timer, socket or listener is left. Evaluation goes on with the last
   * ruleset. May be called repeatedly.
   */
  async close(): Promise<void> {
    this.#status.close();
    this.#events.removeAll();
    await this.#source.close();
  }

  #sink(): DataSink {
    const store = this.#store;
    return {
      get position() {
        return store.ruleset?.position;
      },
      apply: (payload, mayGoBack) => store.apply(payload, mayGoBack),
      live: (isServerStale) => {
        this.#lastError = undefined;
        this.#outages.over();
        this.#status.live(isServerStale);
      },
      interrupted: (error) => {
        this.#lastError = error;
        this.#status.interrupted();
        // The end of a stream is routine; if it is the beginning of an outage the next attempt says so.
        if (error.code === 'ENDED') return;
        this.#outages.failed(error);
        this.#events.emit('error', error);
      },
    };
  }

  #emitStatus(change: StatusChange): void {
    if (change.status === 'ready') this.#events.emit('ready', change);
    else if (change.status === 'stale') this.#events.emit('stale', change);
    else if (change.status === 'closed') this.#events.emit('close', change);
  }
}

function closedError(): FaunaError {
  return new FaunaError('CLOSED', 'the client is closed');
}
