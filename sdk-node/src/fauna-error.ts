/** What kind of trouble a client has with its source of rulesets. */
export type FaunaErrorCode =
  /** The key is unknown, revoked or expired (HTTP 401). */
  | 'UNAUTHORIZED'
  /** The key may not do this: a client key where a server key is needed (HTTP 403). */
  | 'FORBIDDEN'
  /** The server answered, but not with a stream: an error status, a wrong URL, a proxy's page. */
  | 'BAD_RESPONSE'
  /** The server cannot be reached, or the connection broke. */
  | 'DISCONNECTED'
  /** The server ended the stream, as it does with old ones and before a restart: routine, never an `error` event. */
  | 'ENDED'
  /** Nothing came for too long. */
  | 'TIMEOUT'
  /** What came could not be applied; everything is fetched anew. */
  | 'PROTOCOL'
  /** The file of rulesets cannot be read, or is none. */
  | 'FILE'
  /** The client was closed. */
  | 'CLOSED';

/** An error of the source, never of an evaluation. Holds no key and no context. */
export class FaunaError extends Error {
  override readonly name = 'FaunaError';
  readonly code: FaunaErrorCode;
  /** The HTTP status, if there was an answer. */
  readonly status: number | undefined;

  constructor(
    code: FaunaErrorCode,
    message: string,
    more: { readonly status?: number; readonly cause?: unknown } = {},
  ) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause });
    this.code = code;
    this.status = more.status;
  }
}
