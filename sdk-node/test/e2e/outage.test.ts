/** Parts that die and come back, under a connected client. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { Cluster } from './support/cluster.ts';
import { Scene } from './support/scene.ts';
import { until } from './support/until.ts';

const SETUP = `SELECT fauna.create_flag('a'); SELECT fauna.create_flag('b'); SELECT fauna.enable('a');`;

let cluster: Cluster;
let scene: Scene;

beforeAll(async () => {
  cluster = await Cluster.start();
});

afterEach(() => scene.end());

afterAll(() => cluster.stop());

test('PostgreSQL killed: evaluation goes on, and a change made after its restart arrives', async () => {
  scene = await Scene.set(cluster, SETUP);
  const { client } = scene;
  await cluster.kill();
  await until('the client says that it may be behind', () => client.status === 'stale');
  expect(client.boolean('a', {}, false)).toBe(true);

  await cluster.launch();
  await scene.sql(`SELECT fauna.enable('b')`);
  await scene.caughtUp();
  expect(client.boolean('b', {}, false)).toBe(true);
  await until('the client is ready again', () => client.status === 'ready');
  expect(scene.changedKeys.flat()).toEqual(['b']);
});

test.each(['SIGKILL', 'SIGTERM'] as const)(
  'bridge ended by %s: what changed meanwhile arrives when it is back',
  async (signal) => {
    scene = await Scene.set(cluster, SETUP);
    const { client, bridge } = scene;
    await bridge.end(signal);
    await scene.sql(`SELECT fauna.disable('a'); SELECT fauna.delete_flag('b');`);
    await until('the client noticed', () => client.error !== undefined);
    expect(client.boolean('a', {}, false)).toBe(true);

    await bridge.restart();
    await scene.caughtUp();
    expect(client.boolean('a', {}, true)).toBe(false);
    expect(client.booleanDetails('b', {}, true).errorCode).toBe('FLAG_NOT_FOUND');
    expect(client.error).toBeUndefined();
    expect(new Set(scene.changedKeys.flat())).toEqual(new Set(['a', 'b']));
  },
);

test('a database restored under a new epoch replaces everything', async () => {
  scene = await Scene.set(cluster, SETUP);
  const before = scene.client.position;
  await scene.sql('SELECT fauna.new_epoch()');
  await scene.sql(`SELECT fauna.disable('a')`);
  await scene.caughtUp();
  expect(scene.client.position?.epoch).not.toBe(before?.epoch);
  expect(scene.client.boolean('a', {}, true)).toBe(false);
  expect(scene.changedKeys.flat()).toEqual(['a']);
});
