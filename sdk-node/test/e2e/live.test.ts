/** A change committed in psql reaches a running client, and nothing else does. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { Cluster } from './support/cluster.ts';
import { Scene } from './support/scene.ts';
import { until } from './support/until.ts';

let cluster: Cluster;
let scene: Scene;

beforeAll(async () => {
  cluster = await Cluster.start();
});

afterEach(() => scene.end());

afterAll(() => cluster.stop());

async function set(setup: string): Promise<Scene> {
  scene = await Scene.set(cluster, setup);
  return scene;
}

const enable = (flag: string): string =>
  `UPDATE fauna.flag_settings SET enabled = true WHERE flag_key = '${flag}' AND environment_key = 'production';`;

test('an UPDATE in psql changes a running client', async () => {
  const { client, sql, caughtUp } = await set(`SELECT fauna.create_flag('checkout');`);
  expect(client.booleanDetails('checkout', {}, true)).toMatchObject({ value: false, reason: 'DISABLED' });
  await sql(enable('checkout'));
  await caughtUp();
  expect(client.boolean('checkout', {}, false)).toBe(true);
  expect(scene.changedKeys).toEqual([['checkout']]);
});

test('a change that is rolled back never does', async () => {
  const { client, sql, caughtUp } = await set(
    `SELECT fauna.create_flag('a'); SELECT fauna.create_flag('b');`,
  );
  await sql(`BEGIN; ${enable('a')} ROLLBACK;`);
  await sql(`BEGIN; SAVEPOINT s; ${enable('a')} ROLLBACK TO s; ${enable('b')} COMMIT;`);
  await caughtUp();
  expect(scene.changedKeys).toEqual([['b']]);
  expect([client.boolean('a', {}, true), client.boolean('b', {}, false)]).toEqual([false, true]);
});

test('two changes in one transaction are one change event', async () => {
  const { sql, caughtUp } = await set(`SELECT fauna.create_flag('a'); SELECT fauna.create_flag('b');`);
  await sql(`BEGIN; ${enable('a')} ${enable('b')} COMMIT;`);
  await caughtUp();
  expect(scene.changedKeys).toEqual([['a', 'b']]);
});

test('a delete arrives as a delete', async () => {
  const { client, sql, caughtUp } = await set(`SELECT fauna.create_flag('old'); ${enable('old')}`);
  expect(client.boolean('old', {}, false)).toBe(true);
  await sql(`DELETE FROM fauna.flags WHERE key = 'old'`);
  await caughtUp();
  expect(scene.changedKeys).toEqual([['old']]);
  expect(client.booleanDetails('old', {}, true)).toMatchObject({ value: true, errorCode: 'FLAG_NOT_FOUND' });
});

test('an edit of an audience lists the flags that use it', async () => {
  const { client, sql, caughtUp } = await set(
    `
      SELECT fauna.create_attribute('country');
      SELECT fauna.create_audience('beta');
      SELECT fauna.create_flag('checkout');
      SELECT fauna.create_flag('other');
      SELECT fauna.rollout('checkout', 0);
      SELECT fauna.target('checkout', 'beta');
      ${enable('checkout')}`,
  );
  expect(client.boolean('checkout', { country: 'CA' }, true)).toBe(false);
  await sql(`SELECT fauna.add_condition('beta', 'country', 'eq', '{CA}')`);
  await caughtUp();
  expect(scene.changedKeys).toEqual([['checkout']]);
  expect(client.booleanDetails('checkout', { country: 'CA' }, false).reason).toBe('TARGETING_MATCH');
});

test('a rollout has the same users as in SQL', async () => {
  const { client, sql } = await set(
    `SELECT fauna.create_flag('checkout'); SELECT fauna.rollout('checkout', 30); ${enable('checkout')}`,
  );
  const inSql = await sql(`
    SELECT user_id FROM (SELECT 'user-' || n AS user_id FROM generate_series(1, 1000) n) users
    WHERE fauna.enabled('checkout', jsonb_build_object('targetingKey', user_id))`);
  const users = Array.from({ length: 1000 }, (_, index) => `user-${index + 1}`);
  const inNode = users.filter((targetingKey) => client.boolean('checkout', { targetingKey }, false));
  expect(inNode.length).toBeGreaterThan(200);
  expect(inNode).toEqual(inSql.split('\n'));
});

test('a revoked key ends the stream and not the values', async () => {
  const { client, sql, key } = await set(`SELECT fauna.create_flag('a'); ${enable('a')}`);
  await sql(`SELECT fauna.revoke_sdk_key('${key}')`);
  await until('the client knows that its key is refused', () => client.error?.code === 'UNAUTHORIZED');
  expect(scene.errors.at(-1)).toMatchObject({ code: 'UNAUTHORIZED', status: 401 });
  await sql(`UPDATE fauna.flag_settings SET enabled = false`);
  expect(client.boolean('a', {}, false)).toBe(true);
});
