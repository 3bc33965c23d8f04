/**
 * Where a client gets its ruleset from, and what it tells the client. The stream is one, a poller, a file and test data
 * are others: whoever delivers payloads can be one.
 */
import type { Payload, Position } from '../evaluator/payload.ts';
import type { FaunaError } from '../fauna-error.ts';
import type { Logger } from '../logger.ts';
import type { Runtime } from '../runtime.ts';

/**
 * What became of a payload.
 * - `applied`: the ruleset is now the payload's.
 * - `known`: it says nothing that is not already known.
 * - `older`: a put from earlier than what is known; kept out.
 * - `gap`: a patch that does not continue what is known; only a put can help.
 */
export type ApplyResult = 'applied' | 'known' | 'older' | 'gap';

/** What a source knows of a payload besides what is in it. */
export interface Delivery {
  /**
   * The source's server knows the present revision, because it was there itself or was told: an older put is then its
   * word (of a database that lost its last commits).
   */
  readonly mayGoBack: boolean;
  /** The server is itself cut off from its database. */
  readonly isServerStale: boolean;
}

/** The client as its source sees it. */
export interface DataSink {
  /** The configuration held at present. */
  readonly position: Position | undefined;
  /**
   * The configuration that a server may be told to continue from: the one held, if a server or its cache gave it. A
   * bootstrap is the application's word, so everything is asked for.
   */
  readonly resumableFrom: Position | undefined;
  /** Takes a put that was known before, by a cache: values of some age, until something better comes. */
  restore(payload: Payload): ApplyResult;
  /** Takes a payload, whole or not at all. */
  apply(payload: Payload, delivery: Delivery): ApplyResult;
  /** From now on every change arrives; `isServerStale` when the server itself is cut off from its database. */
  live(isServerStale: boolean): void;
  /** Changes no longer arrive. */
  interrupted(error: FaunaError): void;
}

/** Delivers rulesets to one client. */
export interface DataSource {
  /** Begins to deliver; called once. */
  start(sink: DataSink): void;
  /** Ends delivery; when it resolves no timer, socket or listener is left. May be called repeatedly. */
  close(): Promise<void>;
}

/** What a client lends its source. */
export interface SourceHost {
  readonly runtime: Runtime;
  readonly logger: Logger;
}

/** Makes a source for each client that is created with it. */
export interface SourceFactory {
  createSource(host: SourceHost): DataSource;
}
