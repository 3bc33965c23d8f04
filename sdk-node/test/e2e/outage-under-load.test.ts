/**
 * A bridge that is killed and restarted while the database changes and applications evaluate: nothing stands still while
 * it is away, nobody storms it when it is back, and ten seconds later everybody has the exact state.
 */
import { setImmediate } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createClient } from '../../src/index.ts';
import type { FaunaClient } from '../../src/index.ts';
import { Cluster } from './support/cluster.ts';
import { Scene, SILENT } from './support/scene.ts';
import { until } from './support/until.ts';

const FLAGS = 40;
const CLIENTS = 10;
const RECOVERS_WITHIN_MS = 10_000;
/** The bridge tells each client another time to come back after; in this test all begin with the client's own least, 1 s. */
const RETRY_MS = 100;
const USER = { targetingKey: 'user-1', country: 'CA' };

const SETUP = `
  SELECT fauna.create_attribute('country');
  SELECT fauna.create_audience('canada');
  SELECT fauna.add_condition('canada', 'country', 'eq', '{CA}');
  SELECT fauna.create_flag('flag-' || n) FROM generate_series(1, ${FLAGS}) n;
  SELECT fauna.target('flag-' || n, 'canada') FROM generate_series(1, ${FLAGS}) n WHERE n % 3 = 0;`;

let cluster: Cluster;
let scene: Scene;
let clients: FaunaClient[] = [];

beforeAll(async () => {
  cluster = await Cluster.start();
  scene = await Scene.set(cluster, SETUP, {}, ['--retry-ms', String(RETRY_MS)]);
  const { url } = scene.bridge;
  const more = Array.from({ length: CLIENTS - 1 }, () =>
    createClient({ url, key: scene.key, logger: SILENT }),
  );
  clients = [scene.client, ...(await Promise.all(more))];
});

afterAll(async () => {
  await Promise.all(clients.map((client) => client.close()));
  await scene.end();
  await cluster.stop();
});

/** Changes one flag after the other, each in a transaction of its own, until it is stopped. */
async function changeFlags(isOver: () => boolean, count: () => void): Promise<void> {
  for (let change = 0; !isOver(); change += 1) {
    const flag = `flag-${(change % FLAGS) + 1}`;
    const statement =
      change % 2 === 0 ? `fauna.enable('${flag}')` : `fauna.rollout('${flag}', ${change % 100})`;
    await scene.sql(`SELECT ${statement}`);
    count();
  }
}

/** Evaluates without a pause; throws what an evaluation throws. */
async function evaluate(isOver: () => boolean, count: () => void): Promise<void> {
  for (let call = 0; !isOver(); call += 1) {
    for (const client of clients) {
      const details = client.booleanDetails(`flag-${(call % FLAGS) + 1}`, USER, false);
      if (details.errorCode !== undefined) throw new Error(`an evaluation failed: ${details.errorCode}`);
      count();
    }
    await setImmediate();
  }
}

const sqlState = (): Promise<string> =>
  scene.sql(`
    SELECT flag || ' ' || variant || ' ' || reason
    FROM fauna.evaluate_all('{"targetingKey":"user-1","country":"CA"}') ORDER BY flag COLLATE "C"`);

function stateOf(client: FaunaClient): string {
  const lines = Object.values(client.evaluateAll(USER)).map(
    ({ flagKey, variant, reason }) => `${flagKey} ${variant ?? ''} ${reason}`,
  );
  return lines.sort().join('\n');
}

/** Connections that the bridge has open for streams. */
async function streams(): Promise<number> {
  const metrics = await (await fetch(`${scene.bridge.url}/metrics`)).text();
  return Number(/^fauna_streams\{[^}]*kind="server"[^}]*\} (\d+)$/m.exec(metrics)?.[1]);
}

test('a bridge killed and restarted under load: evaluations go on, and ten seconds later all have the exact state', async () => {
  let isOver = false;
  let [changes, evaluations] = [0, 0];
  const isLoadOver = (): boolean => isOver;
  const changing = changeFlags(isLoadOver, () => (changes += 1));
  const evaluating = evaluate(isLoadOver, () => (evaluations += 1));
  await until('the load runs', () => evaluations > 10_000 && changes > 3);

  await scene.bridge.end('SIGKILL');
  await until('every client noticed', () => clients.every((client) => client.error !== undefined));
  const [changesBefore, evaluationsBefore] = [changes, evaluations];
  await until('flags changed without a bridge', () => changes > changesBefore + 3);
  await until('evaluations went on without a bridge', () => evaluations > evaluationsBefore + 10_000);

  await scene.bridge.restart();
  const restarted = Date.now();
  await until(
    'every client is live again',
    () => clients.every((client) => client.status === 'ready' && client.error === undefined),
    RECOVERS_WITHIN_MS,
  );
  isOver = true;
  await Promise.all([changing, evaluating]);
  const expected = await sqlState();
  await until('every client has the exact state', () =>
    clients.every((client) => stateOf(client) === expected),
  );
  expect(Date.now() - restarted).toBeLessThan(RECOVERS_WITHIN_MS);
  expect(clients.map((client) => client.status)).toEqual(clients.map(() => 'ready'));
  // One stream each, however often they had to come back.
  expect(await streams()).toBe(CLIENTS);
});
