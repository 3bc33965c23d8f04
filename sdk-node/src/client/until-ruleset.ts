/** Waiting for the first ruleset. */
import { FaunaError } from '../fauna-error.ts';
import type { Runtime } from '../runtime.ts';
import type { Emitter } from './emitter.ts';
import type { ClientEvents, Follower } from './follower.ts';

/** Resolves when there is a ruleset; rejects when there is none within `limitMs`, or the client is closed. */
export async function untilRuleset(
  follower: Follower,
  events: Emitter<ClientEvents>,
  runtime: Runtime,
  limitMs: number,
): Promise<void> {
  if (follower.status === 'closed') throw closedError();
  if (follower.ruleset !== undefined) return;
  await new Promise<void>((resolve, reject) => {
    const settle = (outcome: () => void): void => {
      runtime.clearTimeout(timer);
      stopChange();
      stopClose();
      outcome();
    };
    const timer = runtime.setTimeout(() => {
      settle(() => {
        reject(new FaunaError('TIMEOUT', `no ruleset within ${limitMs} ms`, { cause: follower.error }));
      });
    }, limitMs);
    const stopChange = events.on('change', () => {
      settle(resolve);
    });
    const stopClose = events.on('close', () => {
      settle(() => {
        reject(closedError());
      });
    });
  });
}

function closedError(): FaunaError {
  return new FaunaError('CLOSED', 'the client is closed');
}
