import { Hooks } from '../hook.ts';
import type { Runtime } from '../runtime.ts';
import { UsageReporter } from '../usage/usage-reporter.ts';
import { Registration } from './census.ts';
import { FaunaClient } from './client.ts';
import type { Closeable } from './client.ts';
import { Emitter } from './emitter.ts';
import { Evaluator } from './evaluator.ts';
import { Follower } from './follower.ts';
import type { ClientEvents } from './follower.ts';
import { resolveOptions } from './options.ts';
import type { ClientOptions, ResolvedOptions } from './options.ts';

/**
 * Connects to a bridge, or to another source, and resolves with a client: as soon as changes arrive, or its key is
 * refused, or its file cannot be read, or it cannot connect but has a bootstrap or a cache to begin with, and in any case within `timeoutMs`. Until
 * there is a ruleset evaluations give the caller's defaults; the client goes on trying behind. Rejects only for options
 * that cannot work.
 *
 * @example
 * const fauna = await createClient({ url: 'https://flags.example.com', key: process.env.FAUNA_SERVER_KEY });
 * if (fauna.boolean('checkout', { targetingKey: user.id, plan: user.plan }, false)) …
 */
export async function createClient(options: ClientOptions): Promise<FaunaClient> {
  const { client, settled } = startClient(options);
  await settled;
  return client;
}

/** A client that is on its way. */
export interface StartedClient {
  readonly client: FaunaClient;
  /** Resolves when `createClient` would, or the client is closed. Never rejects. */
  readonly settled: Promise<void>;
}

/** `createClient` for those who need the client before it has settled. Throws a TypeError for options that cannot work. */
export function startClient(options: ClientOptions): StartedClient {
  const resolved = resolveOptions(options);
  const { logger, runtime, timeoutMs } = resolved;
  const events = new Emitter<ClientEvents>((error) => {
    logger.error(`a listener threw: ${error instanceof Error ? error.message : String(error)}`);
  });
  const hooks = new Hooks(resolved.hooks, logger);
  const follower = new Follower(resolved, events);
  const evaluator = new Evaluator(() => follower.ruleset, runtime.now);
  const usage = reporterOf(resolved, evaluator);
  const closeables: Closeable[] = [follower];
  if (usage !== undefined) closeables.push(usage);
  if (resolved.identity !== undefined) closeables.push(new Registration(resolved.identity, logger));
  const client = new FaunaClient({
    options: resolved,
    events,
    follower,
    evaluator,
    hooks,
    usage,
    closeables,
  });
  const settled = atMost(timeoutMs, follower.firstNews, runtime).then(() => {
    warnOfWhatIsMissing(client, resolved);
  });
  return { client, settled };
}

function reporterOf(
  { usage, logger, runtime }: ResolvedOptions,
  evaluator: Evaluator,
): UsageReporter | undefined {
  if (usage === undefined) return undefined;
  evaluator.countsUsage = true;
  return new UsageReporter({ ...usage, logger }, runtime, evaluator);
}

async function atMost(limitMs: number, news: Promise<void>, runtime: Runtime): Promise<void> {
  let timer: unknown;
  const timeout = new Promise<void>((resolve) => {
    timer = runtime.setTimeout(resolve, limitMs);
  });
  await Promise.race([news, timeout]);
  runtime.clearTimeout(timer);
}

function warnOfWhatIsMissing({ position, status }: FaunaClient, { logger }: ResolvedOptions): void {
  if (status === 'closed') return;
  if (position === undefined) {
    logger.warn('no ruleset yet: evaluations give their defaults until it arrives');
  } else if (status !== 'ready') {
    logger.warn('no connection yet: evaluations use what was known before until there is one');
  }
}
