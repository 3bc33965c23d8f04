/** Puts what can go wrong with a request into the client's own words. */
import { FaunaError } from '../../fauna-error.ts';
import type { StreamResponse } from '../../runtime.ts';

/** No server's Retry-After keeps a client away for longer. */
const MAX_RETRY_AFTER_MS = 5 * 60_000;

/** What an answer must be. */
export interface Expected {
  /** Its media type, in lower case. */
  readonly type: string;
  /** What that is to a person. */
  readonly noun: string;
}

/** Why this answer is not what was asked for; undefined if it is. */
export function errorOfResponse(
  { status, headers }: StreamResponse,
  expected: Expected,
): FaunaError | undefined {
  if (status === 401) {
    return new FaunaError('UNAUTHORIZED', 'the SDK key is unknown, revoked or expired', { status });
  }
  if (status === 403) {
    return new FaunaError('FORBIDDEN', 'the SDK key may not read rulesets: a server key is needed', {
      status,
    });
  }
  const location = headers.get('location');
  if (status >= 300 && status < 400 && location !== null) {
    return new FaunaError('BAD_RESPONSE', `the server redirects to ${location}; set the url to that`, {
      status,
    });
  }
  if (status !== 200) return new FaunaError('BAD_RESPONSE', `the server answered ${status}`, { status });
  const [type] = (headers.get('content-type') ?? '').split(';');
  if (type?.trim().toLowerCase() === expected.type) return undefined;
  return new FaunaError('BAD_RESPONSE', `the answer is no ${expected.noun}; is the URL the bridge’s?`, {
    status,
  });
}

/** What a failed request or a broken stream threw. */
export function errorOfException(cause: unknown): FaunaError {
  if (cause instanceof FaunaError) return cause;
  return new FaunaError('DISCONNECTED', `the connection failed: ${reasonOf(cause)}`, { cause });
}

/** `fetch` says "fetch failed" and puts what happened into its cause; a host with several addresses fails without words. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  const { code } = (error.cause ?? error) as { readonly code?: unknown };
  return typeof code === 'string' ? code : error.message;
}

/** True for a key that the server does not let in: somebody has to do something. */
export function isRefusal({ code }: FaunaError): boolean {
  return code === 'UNAUTHORIZED' || code === 'FORBIDDEN';
}

/** The wait a `Retry-After` header asks for, in seconds or as a date; 0 without one. */
export function retryAfterMs(headers: StreamResponse['headers'], now: number): number {
  const value = headers.get('retry-after')?.trim();
  if (value === undefined || value === '') return 0;
  const delayMs = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - now;
  return Number.isNaN(delayMs) ? 0 : Math.min(Math.max(delayMs, 0), MAX_RETRY_AFTER_MS);
}
