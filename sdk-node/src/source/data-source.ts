/**
 * Where a client gets its ruleset from, and what it tells the client. The stream is one; a poller, a file or test data
 * are others to come: whoever delivers payloads can be one.
 */
import type { Payload, Position } from '../evaluator/payload.ts';
import type { FaunaError } from '../fauna-error.ts';

/**
 * What became of a payload.
 * - `applied`: the ruleset is now the payload's.
 * - `known`: it says nothing that is not already known.
 * - `older`: a put from earlier than what is known; kept out.
 * - `gap`: a patch that does not continue what is known; only a put can help.
 */
export type ApplyResult = 'applied' | 'known' | 'older' | 'gap';

/** The client as its source sees it. */
export interface DataSink {
  /** The configuration held at present. */
  readonly position: Position | undefined;
  /**
   * Takes a payload, whole or not at all. `mayGoBack` is for a source whose server knows the present revision, because
   * it was there itself or was told: an older put is then its word (of a database that lost its last commits).
   */
  apply(payload: Payload, mayGoBack: boolean): ApplyResult;
  /** From now on every change arrives; `isServerStale` when the server itself is cut off from its database. */
  live(isServerStale: boolean): void;
  /** Changes no longer arrive. */
  interrupted(error: FaunaError): void;
}

export interface DataSource {
  /** Begins to deliver; called once. */
  start(sink: DataSink): void;
  /** Ends delivery; when it resolves no timer, socket or listener is left. May be called repeatedly. */
  close(): Promise<void>;
}
