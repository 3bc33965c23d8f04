/** The official OpenFeature providers, unmodified, against the bridge. */
import { OpenFeature as Server } from '@openfeature/server-sdk';
import { OFREPProvider } from '@openfeature/ofrep-provider';
import { OFREPWebProvider } from '@openfeature/ofrep-web-provider';
import { OpenFeature as Web, ProviderEvents } from '@openfeature/web-sdk';
import type { Provider } from '@openfeature/web-sdk';
import { EventSource } from 'eventsource';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { Cluster } from './support/cluster.ts';
import { Scene } from './support/scene.ts';
import { until } from './support/until.ts';

const SETUP = `
  SELECT fauna.create_flag('checkout', client_visible => true);
  SELECT fauna.create_flag('theme', 'string', '{"light": "#fff", "dark": "#000"}', client_visible => true);
  SELECT fauna.create_flag('limit', 'number', '{"low": 10, "high": 99.5}', client_visible => true);
  SELECT fauna.create_flag('layout', 'json', '{"wide": {"columns": 3}, "narrow": {"columns": 1}}', client_visible => true);
  SELECT fauna.create_flag('hidden');
  SELECT fauna.create_attribute('country');
  SELECT fauna.create_audience('canada');
  SELECT fauna.add_condition('canada', 'country', 'eq', '{CA}');
  SELECT fauna.target('theme', 'canada', 'dark');
  UPDATE fauna.flag_settings SET enabled = true;`;

let cluster: Cluster;
let scene: Scene;
let clientKey: string;

beforeAll(async () => {
  // Node has no EventSource of its own; browsers do, and the provider looks there.
  Object.assign(globalThis, { EventSource });
  cluster = await Cluster.start();
});

afterEach(async () => {
  await Web.clearProviders();
  await Server.clearProviders();
  await scene.end();
});

afterAll(async () => {
  Reflect.deleteProperty(globalThis, 'EventSource');
  await cluster.stop();
});

async function set(): Promise<void> {
  scene = await Scene.set(cluster, SETUP);
  clientKey = await scene.sql(`SELECT fauna.create_sdk_key('production', 'client')`);
  await until('the bridge knows the new key', async () => (await bulk({ targetingKey: 'u' })).ok);
}

function bulk(context: object, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${scene.bridge.url}/ofrep/v1/evaluate/flags`, {
    method: 'POST',
    headers: { authorization: `Bearer ${clientKey}`, 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ context }),
  });
}

/** Every question that a provider asks, and the status of its answer. */
interface Exchange {
  readonly ifNoneMatch: string | null;
  readonly status: number;
}

function webProvider(exchanges: Exchange[] = [], key = clientKey): Provider {
  const recording: typeof fetch = async (input, init) => {
    const request = new Request(input, init);
    const response = await fetch(request);
    exchanges.push({ ifNoneMatch: request.headers.get('if-none-match'), status: response.status });
    return response;
  };
  const provider = new OFREPWebProvider({
    baseUrl: scene.bridge.url,
    cacheMode: 'disabled',
    fetchImplementation: recording,
    headers: [['Authorization', `Bearer ${key}`]],
  });
  // Its types were not written for exactOptionalPropertyTypes.
  return provider as Provider;
}

test('the server provider resolves every kind of flag, and a missing one to its default', async () => {
  await set();
  await Server.setProviderAndWait(
    new OFREPProvider({ baseUrl: scene.bridge.url, headers: [['X-API-Key', scene.key]] }),
  );
  const client = Server.getClient();
  const context = { targetingKey: 'u', country: 'CA' };
  expect(await client.getBooleanDetails('checkout', false, context)).toMatchObject({
    value: true,
    variant: 'on',
    reason: 'STATIC',
    flagMetadata: { flagSetId: 'production' },
  });
  expect(await client.getStringDetails('theme', 'x', context)).toMatchObject({
    value: '#000',
    variant: 'dark',
    reason: 'TARGETING_MATCH',
  });
  expect(await client.getStringValue('theme', 'x', { targetingKey: 'u' })).toBe('#fff');
  expect(await client.getNumberValue('limit', 0, context)).toBe(10);
  expect(await client.getObjectValue('layout', {}, context)).toEqual({ columns: 3 });
  expect(await client.getBooleanDetails('nowhere', true, context)).toMatchObject({
    value: true,
    errorCode: 'FLAG_NOT_FOUND',
  });
  expect(await client.getBooleanDetails('theme', true, context)).toMatchObject({
    value: true,
    errorCode: 'TYPE_MISMATCH',
  });
});

test('the server provider sees a commit at the next evaluation', async () => {
  await set();
  await Server.setProviderAndWait(
    new OFREPProvider({ baseUrl: scene.bridge.url, headers: [['Authorization', `Bearer ${scene.key}`]] }),
  );
  const client = Server.getClient();
  expect(await client.getBooleanValue('checkout', false, { targetingKey: 'u' })).toBe(true);
  await scene.sql(`SELECT fauna.disable('checkout', 'production')`);
  await until('the flag is off', async () => {
    return !(await client.getBooleanValue('checkout', true, { targetingKey: 'u' }));
  });
});

test('the web provider holds the flags that clients may see', async () => {
  await set();
  await Web.setProviderAndWait(webProvider(), { targetingKey: 'u', country: 'CA' });
  const client = Web.getClient();
  expect(client.getStringDetails('theme', 'x')).toMatchObject({ value: '#000', variant: 'dark' });
  expect(client.getBooleanValue('checkout', false)).toBe(true);
  expect(client.getNumberValue('limit', 0)).toBe(10);
  expect(client.getObjectValue('layout', {})).toEqual({ columns: 3 });
  expect(client.getBooleanDetails('hidden', false)).toMatchObject({ errorCode: 'FLAG_NOT_FOUND' });
});

test('after setContext the web provider sends the old tag and still gets the new values', async () => {
  await set();
  const exchanges: Exchange[] = [];
  await Web.setProviderAndWait(webProvider(exchanges), { targetingKey: 'u', country: 'CA' });
  const client = Web.getClient();
  expect(client.getStringValue('theme', 'x')).toBe('#000');
  // The first event makes it ask once more, which changes nothing.
  await until('it was told that nothing changed', () => exchanges.some(({ status }) => status === 304));
  const before = exchanges.length;
  await Web.setContext({ targetingKey: 'u', country: 'US' });
  expect(client.getStringValue('theme', 'x')).toBe('#fff');
  expect(exchanges[before]).toMatchObject({ status: 200, ifNoneMatch: expect.any(String) as string });
  await Web.setContext({ targetingKey: 'v', country: 'CA' });
  expect(client.getStringValue('theme', 'x')).toBe('#000');
});

test('a commit reaches the web provider by the event stream, without polling', async () => {
  await set();
  const exchanges: Exchange[] = [];
  await Web.setProviderAndWait(webProvider(exchanges), { targetingKey: 'u' });
  const client = Web.getClient();
  const changed: string[] = [];
  client.addHandler(ProviderEvents.ConfigurationChanged, (details) => {
    changed.push(...(details?.flagsChanged ?? []));
  });
  await until('the event stream is open', () => exchanges.length > 1);
  await scene.sql(`SELECT fauna.disable('checkout', 'production')`);
  await until('the flag is off', () => !client.getBooleanValue('checkout', true));
  expect(changed).toEqual(['checkout']);
});

test('a commit made while the bridge was down reaches the web provider after it is back', async () => {
  await set();
  const exchanges: Exchange[] = [];
  await Web.setProviderAndWait(webProvider(exchanges), { targetingKey: 'u' });
  const client = Web.getClient();
  await until('the event stream is open', () => exchanges.length > 1);
  await scene.bridge.end('SIGKILL');
  await scene.sql(`SELECT fauna.disable('checkout', 'production')`);
  await scene.bridge.restart();
  await until('the flag is off', () => !client.getBooleanValue('checkout', true));
});

test('a key that is revoked is fatal to the web provider', async () => {
  await set();
  await scene.sql(`SELECT fauna.revoke_sdk_key('${clientKey}')`);
  await until('the key is refused', async () => (await bulk({})).status === 401);
  await expect(Web.setProviderAndWait(webProvider(), { targetingKey: 'u' })).rejects.toThrow();
  expect(Web.getClient().providerStatus).toBe('FATAL');
});
