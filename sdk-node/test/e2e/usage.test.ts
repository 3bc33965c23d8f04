/** What a client evaluated arrives in `fauna.usage`, every evaluation once, whatever happens to the bridge. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { createClient } from '../../src/index.ts';
import { Bridge } from './support/bridge.ts';
import { Cluster } from './support/cluster.ts';
import { Scene } from './support/scene.ts';
import { until } from './support/until.ts';

const SETUP = `
  SELECT fauna.create_flag('a'); SELECT fauna.enable('a');
  SELECT fauna.create_flag('theme', 'string', '{"light": "#fff", "dark": "#000"}');
`;

let cluster: Cluster;
let scene: Scene;

beforeAll(async () => {
  cluster = await Cluster.start();
});

afterEach(() => scene.end());

afterAll(() => cluster.stop());

/** What the database has counted; a bridge that ends in peace writes what it holds. */
async function counted(): Promise<string[]> {
  await scene.bridge.end('SIGTERM');
  const rows = await scene.sql(
    `SELECT flag_key || ' ' || coalesce(nullif(variant, ''), '-') || ' ' || sum(evaluations)
     FROM fauna.usage WHERE environment_key = 'production' GROUP BY flag_key, variant ORDER BY 1`,
  );
  return rows.split('\n');
}

function evaluate(times: number): void {
  const { client } = scene;
  for (let index = 0; index < times; index += 1) {
    client.boolean('a', {}, false);
    client.stringDetails('theme', {}, '');
    if (index % 2 === 0) client.number('a', {}, 1);
    client.boolean('nothing', {}, false);
  }
}

test('evaluations are counted by flag and variant, defaults apart, and unknown keys not at all', async () => {
  scene = await Scene.set(cluster, SETUP);
  evaluate(1000);
  await scene.client.flush();
  evaluate(10);
  await scene.client.flush();
  expect(await counted()).toEqual(['a - 505', 'a on 1010', 'theme dark 1010']);
});

test('what is evaluated while the bridge is away is counted when it is back, once', async () => {
  scene = await Scene.set(cluster, SETUP);
  evaluate(100);
  await scene.client.flush();
  await scene.bridge.end('SIGTERM');
  for (let round = 0; round < 3; round += 1) {
    evaluate(20);
    await scene.client.flush();
  }
  await scene.bridge.restart();
  await scene.bridge.ready();
  evaluate(40);
  // After reports that failed only this one does not wait.
  await scene.client.close();
  expect(await counted()).toEqual(['a - 100', 'a on 200', 'theme dark 200']);
});

test('a flag that is changed meanwhile loses none of its counts', async () => {
  scene = await Scene.set(cluster, SETUP);
  evaluate(10);
  await scene.sql(`SELECT fauna.disable('a')`);
  await scene.caughtUp();
  evaluate(10);
  await scene.client.flush();
  expect(await counted()).toEqual(['a - 10', 'a off 10', 'a on 10', 'theme dark 20']);
});

test('a client that is closed has reported everything', async () => {
  scene = await Scene.set(cluster, SETUP);
  evaluate(7);
  await scene.client.close();
  expect(await counted()).toEqual(['a - 4', 'a on 7', 'theme dark 7']);
});

test('reports come by themselves', async () => {
  scene = await Scene.set(cluster, SETUP);
  const bridge = await Bridge.start(scene.conninfo, ['--usage-interval-ms', '100']);
  await bridge.ready();
  const client = await createClient({ url: bridge.url, key: scene.key, usageIntervalMs: 1000 });
  client.boolean('a', {}, false);
  await until('the evaluation is in the database', async () => {
    return (await scene.sql(`SELECT evaluations FROM fauna.usage WHERE flag_key = 'a'`)) === '1';
  });
  await client.close();
  await bridge.end('SIGTERM');
  expect(await counted()).toEqual(['a on 1']);
});
