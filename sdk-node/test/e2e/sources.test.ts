/** Ways to get the rules other than the stream, against a real bridge. */
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { createClient, fileSource } from '../../src/index.ts';
import type { FaunaClient, RulesetJson } from '../../src/index.ts';
import { Cluster } from './support/cluster.ts';
import { Scene, SILENT } from './support/scene.ts';
import { until } from './support/until.ts';

const SETUP = `SELECT fauna.create_flag('a'); SELECT fauna.create_flag('b'); SELECT fauna.enable('a');`;
const POLL = { mode: 'poll', pollIntervalMs: 1000 } as const;

let cluster: Cluster;
let scene: Scene;
let folder: string;
let more: FaunaClient[];

beforeAll(async () => {
  cluster = await Cluster.start();
});

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fauna-e2e-sources-'));
  more = [];
});

afterEach(async () => {
  await Promise.all(more.map((client) => client.close()));
  await scene.end();
  await rm(folder, { recursive: true });
});

afterAll(() => cluster.stop());

/** Another client, which is closed after the test. */
async function another(options: Parameters<typeof createClient>[0]): Promise<FaunaClient> {
  const client = await createClient(options);
  more.push(client);
  return client;
}

test('a poll has what changed at its next question, deletes and audiences included', async () => {
  scene = await Scene.set(cluster, SETUP, POLL);
  expect([scene.client.status, scene.client.boolean('a', {}, false)]).toEqual(['ready', true]);
  await scene.sql(`SELECT fauna.disable('a'); SELECT fauna.delete_flag('b');`);
  await scene.caughtUp();
  expect(scene.client.boolean('a', {}, true)).toBe(false);
  expect(scene.client.booleanDetails('b', {}, true).errorCode).toBe('FLAG_NOT_FOUND');
  expect(new Set(scene.changedKeys.flat())).toEqual(new Set(['a', 'b']));
});

test('a poll without news is answered without a ruleset', async () => {
  scene = await Scene.set(cluster, SETUP, POLL);
  const answers = async (status: number): Promise<number> => {
    const metrics = await (await fetch(`${scene.bridge.url}/metrics`)).text();
    const line = metrics
      .split('\n')
      .find((text) => text.includes('/v1/ruleset') && text.includes(`"${status}"`));
    return Number(line?.split(' ')[1] ?? 0);
  };
  await until('several questions were asked', async () => (await answers(304)) >= 2);
  expect(await answers(200)).toBe(1);
  expect(scene.changes).toEqual([]);
});

test('a poll survives a bridge that is killed and restarted, and is stale meanwhile', async () => {
  scene = await Scene.set(cluster, SETUP, { ...POLL, staleAfterMs: 500 });
  await scene.bridge.end('SIGKILL');
  await scene.sql(`SELECT fauna.enable('b')`);
  await until('the client is stale', () => scene.client.status === 'stale');
  expect(scene.client.boolean('a', {}, false)).toBe(true);
  await scene.bridge.restart();
  await scene.caughtUp();
  expect([scene.client.boolean('b', {}, false), scene.client.status]).toEqual([true, 'ready']);
});

test('a poll keeps its values when PostgreSQL is away, and says that they are stale', async () => {
  scene = await Scene.set(cluster, SETUP, POLL);
  await cluster.kill();
  await until('the client is stale', () => scene.client.status === 'stale');
  expect([scene.client.boolean('a', {}, false), scene.client.error]).toEqual([true, undefined]);
  await cluster.launch();
  await until('the client is ready again', () => scene.client.status === 'ready');
});

test('a poll with a revoked key keeps its values and says why', async () => {
  scene = await Scene.set(cluster, SETUP, POLL);
  await scene.sql(`SELECT fauna.revoke_sdk_key('${scene.key}')`);
  await until('the key is refused', () => scene.client.error?.code === 'UNAUTHORIZED');
  expect(scene.client.boolean('a', {}, false)).toBe(true);
});

test.each(['stream', 'poll'] as const)(
  'a cold start from the disk while the bridge is down, by %s, and the exact state when it is back',
  async (mode) => {
    const cacheDir = join(folder, 'cache');
    scene = await Scene.set(cluster, SETUP, { mode, pollIntervalMs: 1000, cacheDir });
    await scene.sql(`SELECT fauna.enable('b')`);
    await scene.caughtUp();
    await scene.client.close();
    expect(await readdir(cacheDir)).toHaveLength(1);
    await scene.bridge.end('SIGKILL');
    await scene.sql(`SELECT fauna.disable('a')`);

    const { url } = scene.bridge;
    const options = { url, key: scene.key, mode, pollIntervalMs: 1000, cacheDir, logger: SILENT };
    const cold = await another(options);
    expect([cold.status, cold.error?.code]).toEqual(['stale', 'DISCONNECTED']);
    expect([cold.boolean('a', {}, false), cold.boolean('b', {}, false)]).toEqual([true, true]);

    await scene.bridge.restart();
    await until('the client is ready', () => cold.status === 'ready');
    await until('the client has the present state', () => !cold.boolean('a', {}, true));
    expect(cold.boolean('b', {}, false)).toBe(true);
  },
);

test('what the bridge and the database export is a bootstrap and a file', async () => {
  scene = await Scene.set(cluster, SETUP);
  const { url } = scene.bridge;
  const response = await fetch(`${url}/v1/ruleset`, { headers: { authorization: `Bearer ${scene.key}` } });
  const bootstrap = (await response.json()) as RulesetJson;
  const bootstrapped = await another({
    url: 'http://127.0.0.1:1',
    key: scene.key,
    bootstrap,
    logger: SILENT,
  });
  expect([bootstrapped.status, bootstrapped.boolean('a', {}, false)]).toEqual(['stale', true]);

  const path = join(folder, 'flags.json');
  await writeFile(path, await scene.sql(`SELECT fauna.ruleset('production')`));
  const offline = await another({ source: fileSource(path) });
  expect([offline.status, offline.position]).toEqual(['ready', scene.client.position]);
  expect(offline.evaluateAll({})).toEqual(scene.client.evaluateAll({}));
});
