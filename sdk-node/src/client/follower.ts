/**
 * Follows a source of rulesets for a client: holds what it delivers, and says what the client may say about it. The
 * order of truth is live, last known, bootstrap; an evaluation's own default comes after all of them.
 */
import type { Ruleset } from '../evaluator/ruleset.ts';
import type { FaunaError } from '../fauna-error.ts';
import type { DataSink, DataSource } from '../source/data-source.ts';
import { RulesetStore } from '../source/ruleset-store.ts';
import type { Application, RulesetChange } from '../source/ruleset-store.ts';
import { ConnectionStatus } from './connection-status.ts';
import type { ClientStatus, StatusChange } from './connection-status.ts';
import type { Emitter } from './emitter.ts';
import type { ResolvedOptions } from './options.ts';
import { OutageLog } from './outage-log.ts';

/** What a client tells, by the name of the event. */
export interface ClientEvents {
  /** The status became `ready`: the first ruleset is here, or changes arrive again. */
  readonly ready: StatusChange;
  /** The status became `stale`: changes have not arrived for `staleAfterMs`, or what there is was known before. */
  readonly stale: StatusChange;
  /** A put or a patch was applied. */
  readonly change: RulesetChange;
  /** The source failed; it is tried again. */
  readonly error: FaunaError;
  /** The client was closed. */
  readonly close: StatusChange;
}

/** Nobody waits for these to pass: somebody has to do something. */
const LASTING: readonly FaunaError['code'][] = ['UNAUTHORIZED', 'FORBIDDEN', 'FILE'];

export class Follower {
  readonly #store = new RulesetStore();
  readonly #events: Emitter<ClientEvents>;
  readonly #status: ConnectionStatus;
  readonly #outages: OutageLog;
  readonly #source: DataSource;
  #error: FaunaError | undefined;
  #heard!: () => void;

  /** Resolves when the source is live for the first time, or there is no use in waiting for that. */
  readonly firstNews = new Promise<void>((resolve) => {
    this.#heard = resolve;
  });

  constructor(options: ResolvedOptions, events: Emitter<ClientEvents>) {
    const { logger, runtime, bootstrap } = options;
    this.#events = events;
    this.#outages = new OutageLog(logger);
    this.#status = new ConnectionStatus(runtime, options.staleAfterMs, (change) => {
      this.#emitStatus(change);
    });
    if (bootstrap !== undefined) {
      this.#store.bootstrap(bootstrap);
      this.#status.hasRuleset(true);
    }
    this.#source = options.source.createSource({ runtime, logger });
    this.#source.start(this.#sink());
  }

  get ruleset(): Ruleset | undefined {
    return this.#store.ruleset;
  }

  get status(): ClientStatus {
    return this.#status.current;
  }

  get error(): FaunaError | undefined {
    return this.#error;
  }

  /** The status is `closed` at once; when it resolves, the source has nothing left. */
  async close(): Promise<void> {
    this.#status.close();
    this.#heard();
    await this.#source.close();
  }

  #sink(): DataSink {
    const store = this.#store;
    return {
      get position() {
        return store.ruleset?.position;
      },
      get resumableFrom() {
        return store.resumableFrom;
      },
      restore: (payload) => this.#applied(store.apply(payload, false), true),
      apply: (payload, { mayGoBack, isServerStale }) =>
        this.#applied(store.apply(payload, mayGoBack), isServerStale),
      live: (isServerStale) => {
        this.#live(isServerStale);
      },
      interrupted: (error) => {
        this.#interrupted(error);
      },
    };
  }

  #applied({ result, change }: Application, isStale: boolean): Application['result'] {
    if (change !== undefined) {
      this.#status.hasRuleset(isStale);
      this.#events.emit('change', change);
    }
    return result;
  }

  #live(isServerStale: boolean): void {
    this.#error = undefined;
    this.#outages.over();
    this.#status.live(isServerStale);
    this.#heard();
  }

  #interrupted(error: FaunaError): void {
    this.#error = error;
    this.#status.interrupted();
    if (this.ruleset !== undefined || LASTING.includes(error.code)) this.#heard();
    // The end of a stream is routine; if it is the beginning of an outage the next attempt says so.
    if (error.code === 'ENDED') return;
    this.#outages.failed(error);
    this.#events.emit('error', error);
  }

  #emitStatus(change: StatusChange): void {
    if (change.status === 'ready') this.#events.emit('ready', change);
    else if (change.status === 'stale') this.#events.emit('stale', change);
    else if (change.status === 'closed') this.#events.emit('close', change);
  }
}
