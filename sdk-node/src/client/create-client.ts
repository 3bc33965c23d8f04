import type { FaunaError } from '../fauna-error.ts';
import { StreamSource } from '../source/stream/stream-source.ts';
import { USER_AGENT } from '../user-agent.ts';
import { FaunaClient } from './client.ts';
import { resolveOptions } from './options.ts';
import type { ClientOptions } from './options.ts';

/**
 * Connects to a bridge and resolves with a client: as soon as it has a ruleset, or its key is refused, and in any
 * case within `timeoutMs`. Until there is a ruleset evaluations give the caller's defaults; the client goes on trying
 * behind. Rejects only for options that cannot work.
 *
 * @example
 * const fauna = await createClient({ url: 'https://flags.example.com', key: process.env.FAUNA_SERVER_KEY });
 * if (fauna.boolean('checkout', { targetingKey: user.id, plan: user.plan }, false)) …
 */
export async function createClient(options: ClientOptions): Promise<FaunaClient> {
  const resolved = resolveOptions(options);
  const client = new FaunaClient(
    resolved,
    new StreamSource({ ...resolved, userAgent: USER_AGENT }, resolved.runtime),
  );
  if (!(await settles(client, resolved.timeoutMs)))
    resolved.logger.warn('no ruleset yet: evaluations give their defaults until it arrives');
  return client;
}

/** Waits for the first ruleset, a refusal or the timeout; true for the first. */
async function settles(client: FaunaClient, timeoutMs: number): Promise<boolean> {
  let stop: (() => void) | undefined;
  const refused = new Promise<boolean>((resolve) => {
    stop = client.on('error', (error: FaunaError) => {
      if (error.code === 'UNAUTHORIZED' || error.code === 'FORBIDDEN') resolve(false);
    });
  });
  const ready = client.waitUntilReady({ timeoutMs }).then(
    () => true,
    () => false,
  );
  const isReady = await Promise.race([ready, refused]);
  stop?.();
  return isReady;
}
