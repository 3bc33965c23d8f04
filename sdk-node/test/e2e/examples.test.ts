/** The examples in examples/ start as they stand, follow the database, and end when they are asked to. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { Cluster } from './support/cluster.ts';
import { collect, end } from './support/process.ts';
import { Scene } from './support/scene.ts';
import { until } from './support/until.ts';

const EXAMPLES = fileURLToPath(new URL('../../../examples', import.meta.url));

const SETUP = `
  SELECT fauna.create_attribute('country');
  SELECT fauna.create_audience('canada');
  SELECT fauna.add_condition('canada', 'country', 'eq', '{CA}');
  SELECT fauna.create_flag('new-checkout');
  SELECT fauna.rollout('new-checkout', 0);
  SELECT fauna.target('new-checkout', 'canada');
  SELECT fauna.enable('new-checkout');
  SELECT fauna.create_flag('free-shipping-from', 'number', '{"low": 35, "high": 60}');
  SELECT fauna.enable('free-shipping-from');
`;

let cluster: Cluster;
let scene: Scene;
let child: ChildProcess | undefined;

beforeAll(async () => {
  cluster = await Cluster.start();
});

afterEach(async () => {
  if (child !== undefined) await end(child, 'SIGKILL');
  child = undefined;
  await scene.end();
});

afterAll(() => cluster.stop());

test.each(['express', 'fastify'])('the example for %s serves what the flags say', async (name) => {
  scene = await Scene.set(cluster, SETUP);
  const env = { ...process.env, FAUNA_URL: scene.bridge.url, FAUNA_SERVER_KEY: scene.key, PORT: '0' };
  child = spawn(process.execPath, [`${EXAMPLES}/${name}/server.js`], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [output, errors] = [collect(child.stdout), collect(child.stderr)];
  let url = '';
  await until('the example listens', () => {
    if (child?.exitCode !== null) throw new Error(`the example ended:\n${errors.join('')}`);
    url = /listening on (\S+)/.exec(output.join(''))?.[1] ?? '';
    return url !== '';
  });
  const ask = async (path: string): Promise<unknown> => (await fetch(`${url}${path}`)).json();

  expect(await ask('/checkout?user=u-1&country=CA')).toEqual({
    checkout: 'new',
    because: { variant: 'on', reason: 'TARGETING_MATCH' },
    freeShippingFrom: 35,
  });
  expect(await ask('/checkout')).toMatchObject({ checkout: 'old', because: { variant: 'off' } });
  expect(await ask('/healthz')).toEqual({ flags: 'ready' });

  await scene.sql(`SELECT fauna.disable('new-checkout')`);
  await until('the change arrives', async () => {
    const { checkout } = (await ask('/checkout?country=CA')) as { readonly checkout: string };
    return checkout === 'old';
  });

  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  expect(await exited).toEqual([0, null]);
  expect(errors.join('')).toBe('');
});
