/** One report of usage to the bridge: `POST /v1/usage`. */
import type { Runtime, StreamResponse } from '../runtime.ts';
import { reasonOf, retryAfterMs } from '../source/http/refusal.ts';
import { unlessAborted } from '../source/http/unless-aborted.ts';
import { hourOf } from './pending-usage.ts';
import type { HourlyCount } from './pending-usage.ts';

/** Counts in one report: with the longest keys there are these stay well below the mebibyte that the bridge reads. */
export const MAX_COUNTS_PER_REPORT = 2000;

export interface ReportTarget {
  /** Of the bridge, without `/v1/usage`. */
  readonly url: string;
  readonly key: string;
  readonly userAgent: string;
}

/**
 * What became of a report.
 * - `counted`: the bridge has it.
 * - `refused`: the bridge will never take it.
 * - `failed`: another time it may go through, though not before `retryAfterMs`.
 */
export type ReportOutcome =
  | { readonly kind: 'counted' }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'failed'; readonly reason: string; readonly retryAfterMs: number };

/** Sends counts; never rejects, and ends when the signal aborts. */
export async function report(
  counts: readonly HourlyCount[],
  target: ReportTarget,
  runtime: Runtime,
  signal: AbortSignal,
): Promise<ReportOutcome> {
  try {
    const { status, headers } = await unlessAborted(post(counts, target, runtime, signal), signal);
    if (status >= 200 && status < 300) return { kind: 'counted' };
    const reason = `the server answered ${status}`;
    if (status === 400 || status === 413) return { kind: 'refused', reason };
    return { kind: 'failed', reason, retryAfterMs: retryAfterMs(headers, runtime.now()) };
  } catch (error) {
    const reason = signal.aborted ? 'no answer in time' : `the connection failed: ${reasonOf(error)}`;
    return { kind: 'failed', reason, retryAfterMs: 0 };
  }
}

async function post(
  counts: readonly HourlyCount[],
  target: ReportTarget,
  runtime: Runtime,
  signal: AbortSignal,
): Promise<StreamResponse> {
  const response = await runtime.fetch(`${target.url}/v1/usage`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${target.key}`,
      'content-type': 'application/json',
      'user-agent': target.userAgent,
      // One request a minute needs no socket in between, and close() leaves none.
      connection: 'close',
    },
    body: JSON.stringify({ counts: counts.map((count) => asReported(count, runtime.now())) }),
    signal,
  });
  await readToEnd(response.body);
  return response;
}

/** Counts of the present hour have none, so that they are of the present hour by the bridge's clock. */
function asReported({ flag, variant, hourMs, evaluations }: HourlyCount, nowMs: number): object {
  const hour = hourMs === hourOf(nowMs) ? undefined : new Date(hourMs).toISOString();
  return { flag, variant, evaluations, hour };
}

/** Reads an answer, of which nothing is of interest, to its end, so that its connection is done. */
async function readToEnd(body: AsyncIterable<Uint8Array> | null): Promise<void> {
  const chunks = body?.[Symbol.asyncIterator]();
  while (chunks !== undefined && (await chunks.next()).done !== true);
}
