/** The provider under OpenFeature's own API, over a network that does what a test says. */
import { OpenFeature, ProviderEvents, ProviderStatus } from '@openfeature/server-sdk';
import type { Client, EventDetails } from '@openfeature/server-sdk';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createClient } from '../../src/index.ts';
import type { ClientOptions, FaunaClient, Logger } from '../../src/index.ts';
import { FaunaProvider } from '../../src/openfeature/index.ts';
import { FakeRuntime, flush } from '../support/fake-runtime.ts';
import { audienceOf, booleanFlag, patch, put, ruleFor } from '../support/rulesets.ts';

const SILENT: Logger = { info: () => undefined, warn: () => undefined, error: () => undefined };
const STALE_AFTER = 30_000;
const TIMEOUT = 5000;

let runtime: FakeRuntime;
let options: ClientOptions;

beforeEach(() => {
  runtime = new FakeRuntime();
  options = { url: 'http://bridge', key: 'fauna_sk_x', logger: SILENT, usage: false, runtime };
});

afterEach(async () => {
  await OpenFeature.clearProviders();
  OpenFeature.clearHandlers();
});

/** Registers a provider that gets this ruleset, and waits until OpenFeature is content with it. */
async function ready(provider: FaunaProvider, ruleset: unknown): Promise<Client> {
  const settled = OpenFeature.setProviderAndWait(provider);
  await flush();
  await runtime.lastRequest.answer();
  await runtime.lastRequest.event('put', ruleset);
  await settled;
  return OpenFeature.getClient();
}

/** Every event of a client from now on, as `NAME message-or-flags`. */
function eventsOf(client: Client): string[] {
  const seen: string[] = [];
  for (const name of Object.values(ProviderEvents)) {
    client.addHandler(name, (details?: EventDetails) => {
      const { flagsChanged, message } = (details ?? {}) as EventDetails<ProviderEvents.ConfigurationChanged>;
      seen.push([name, flagsChanged?.join(','), message].filter(Boolean).join(' '));
    });
  }
  return seen;
}

const FLAGS = {
  checkout: booleanFlag(),
  theme: { ...booleanFlag(), kind: 'string', variants: { on: 'dark', off: 'light' } },
  limit: { ...booleanFlag(), kind: 'number', variants: { on: 2.5, off: 0 } },
  layout: { ...booleanFlag(), kind: 'json', variants: { on: { columns: [1, 2] }, off: {} } },
};

test('each kind of flag has its value, and how it came about', async () => {
  const client = await ready(new FaunaProvider(options), put(7, FLAGS));
  const about = {
    variant: 'on',
    reason: 'STATIC',
    flagMetadata: { version: 7, flagSetId: 'production' },
  };
  expect(await client.getBooleanDetails('checkout', false)).toEqual({
    flagKey: 'checkout',
    value: true,
    ...about,
  });
  expect(await client.getStringDetails('theme', '')).toEqual({ flagKey: 'theme', value: 'dark', ...about });
  expect(await client.getNumberDetails('limit', 0)).toEqual({ flagKey: 'limit', value: 2.5, ...about });
  const layout = { flagKey: 'layout', value: { columns: [1, 2] }, ...about };
  expect(await client.getObjectDetails('layout', {})).toEqual(layout);
});

test('a flag that does not exist or has another type gives the default and says why', async () => {
  const client = await ready(new FaunaProvider(options), put(1, FLAGS));
  const missing = await client.getStringDetails('nothing', 'mine');
  expect(missing).toMatchObject({ value: 'mine', reason: 'ERROR', errorCode: 'FLAG_NOT_FOUND' });
  const mismatches = [
    await client.getBooleanDetails('theme', true),
    await client.getStringDetails('checkout', 'mine'),
    await client.getNumberDetails('layout', 9),
    await client.getObjectDetails('limit', { mine: true }),
  ];
  expect(mismatches.map(({ errorCode }) => errorCode)).toEqual(Array(4).fill('TYPE_MISMATCH'));
  expect(mismatches.map(({ value }) => value)).toEqual([true, 'mine', 9, { mine: true }]);
  expect(mismatches[0]?.flagMetadata).toEqual({ version: 1, flagSetId: 'production' });
});

test('a flag whose document is broken gives the default and says why', async () => {
  const client = await ready(new FaunaProvider(options), put(1, { broken: booleanFlag({ rules: 3 }) }));
  expect(await client.getBooleanDetails('broken', true)).toMatchObject({
    value: true,
    errorCode: 'PARSE_ERROR',
  });
});

test('rules see the targeting key, dates and what is nested in the context', async () => {
  const condition = (attribute: string, type: string, operator: string, value: unknown): unknown => ({
    attribute,
    type,
    operator,
    values: [value],
  });
  const audiences = {
    me: { match: 'all', conditions: [condition('targetingKey', 'string', 'eq', 'user-1')] },
    early: { match: 'all', conditions: [condition('joined', 'date', 'lt', '2026-01-01T00:00:00Z')] },
    rich: { match: 'all', conditions: [condition('account.plan', 'string', 'eq', 'pro')] },
  };
  const flags = Object.fromEntries(
    Object.keys(audiences).map((audience) => [
      audience,
      booleanFlag({ rules: [ruleFor(audience)], default: { variant: 'off' } }),
    ]),
  );
  const client = await ready(new FaunaProvider(options), put(1, flags, audiences));
  const ask = async (flag: string, context: Record<string, never> | object): Promise<string | undefined> =>
    (await client.getBooleanDetails(flag, false, { ...context })).reason;
  expect(await ask('me', { targetingKey: 'user-1' })).toBe('TARGETING_MATCH');
  expect(await ask('me', { targetingKey: 'user-2' })).toBe('DEFAULT');
  expect(await ask('early', { joined: new Date('2025-06-01') })).toBe('TARGETING_MATCH');
  expect(await ask('early', { joined: new Date('2026-06-01') })).toBe('DEFAULT');
  expect(await ask('rich', { account: { plan: 'pro' } })).toBe('TARGETING_MATCH');
  expect(await ask('rich', { account: { plan: null } })).toBe('DEFAULT');
});

test('the rule that served is in the metadata', async () => {
  const flags = { checkout: booleanFlag({ rules: [ruleFor('canadians')] }) };
  const client = await ready(new FaunaProvider(options), put(1, flags, { canadians: audienceOf('CA') }));
  const { flagMetadata } = await client.getBooleanDetails('checkout', false, { country: 'CA' });
  expect(flagMetadata).toEqual({ version: 1, flagSetId: 'production', ruleId: 'r1' });
});

test('it is READY once when the first ruleset is here', async () => {
  const events = eventsOf(OpenFeature.getClient());
  events.length = 0;
  const client = await ready(new FaunaProvider(options), put(1, FLAGS));
  await flush();
  expect(client.providerStatus).toBe(ProviderStatus.READY);
  expect(events).toEqual(['PROVIDER_READY']);
});

test('without a ruleset in time it is in ERROR, gives defaults, and is READY when one comes', async () => {
  const settled = OpenFeature.setProviderAndWait(new FaunaProvider(options));
  const refused = expect(settled).rejects.toThrow('no ruleset came: the connection failed: fetch failed');
  await flush();
  runtime.lastRequest.fail();
  await runtime.advance(TIMEOUT);
  await refused;
  const client = OpenFeature.getClient();
  expect(client.providerStatus).toBe(ProviderStatus.ERROR);
  expect(await client.getBooleanDetails('checkout', false)).toMatchObject({
    value: false,
    errorCode: 'PROVIDER_NOT_READY',
  });

  const events = eventsOf(client);
  events.length = 0;
  await runtime.lastRequest.answer();
  await runtime.lastRequest.event('put', put(1, FLAGS));
  expect(events[0]).toBe('PROVIDER_READY');
  expect(client.providerStatus).toBe(ProviderStatus.READY);
  expect(await client.getBooleanValue('checkout', false)).toBe(true);
});

test('a refused key is FATAL, and READY follows when it is taken after all', async () => {
  const settled = OpenFeature.setProviderAndWait(new FaunaProvider(options));
  const refused = expect(settled).rejects.toThrow('the SDK key is unknown, revoked or expired');
  await flush();
  await runtime.lastRequest.answer(401, {});
  await refused;
  const client = OpenFeature.getClient();
  expect(client.providerStatus).toBe(ProviderStatus.FATAL);
  expect((await client.getBooleanDetails('checkout', false)).errorCode).toBe('PROVIDER_FATAL');

  await runtime.advance(60_000);
  await runtime.lastRequest.answer();
  await runtime.lastRequest.event('put', put(1, FLAGS));
  expect(client.providerStatus).toBe(ProviderStatus.READY);
});

test('options that cannot work are FATAL, in their own words', async () => {
  const provider = new FaunaProvider({ url: 'nowhere', key: 'k' });
  await expect(OpenFeature.setProviderAndWait(provider)).rejects.toThrow('the option url must be');
  expect(OpenFeature.getClient().providerStatus).toBe(ProviderStatus.FATAL);
});

test('it is STALE when changes stop arriving, says why, and READY when they arrive again', async () => {
  const client = await ready(new FaunaProvider(options), put(1, FLAGS));
  const events = eventsOf(client);
  events.length = 0;
  runtime.lastRequest.fail();
  await runtime.advance(STALE_AFTER);
  expect(client.providerStatus).toBe(ProviderStatus.STALE);
  expect(await client.getBooleanValue('checkout', false)).toBe(true);
  await runtime.lastRequest.answer();
  expect(client.providerStatus).toBe(ProviderStatus.READY);
  expect(events).toEqual([expect.stringMatching(/^PROVIDER_STALE .*(no answer|failed)/), 'PROVIDER_READY']);
});

test('a change tells the flags that changed', async () => {
  const client = await ready(new FaunaProvider(options), put(1, FLAGS));
  const events = eventsOf(client);
  events.length = 0;
  await runtime.lastRequest.event(
    'patch',
    patch(1, 2, { theme: null, checkout: booleanFlag({ enabled: false }) }),
  );
  expect(events).toEqual(['PROVIDER_CONFIGURATION_CHANGED checkout,theme']);
  expect(await client.getBooleanDetails('checkout', true)).toMatchObject({
    value: false,
    reason: 'DISABLED',
  });
});

test('its own client ends with it', async () => {
  const provider = new FaunaProvider(options);
  await ready(provider, put(1, FLAGS));
  const { client } = provider;
  await OpenFeature.clearProviders();
  await flush();
  expect(client?.status).toBe('closed');
  expect(provider.client).toBeUndefined();
  expect(runtime.lastRequest.isAborted).toBe(true);
  expect(runtime.timerCount).toBe(0);
});

/** A client that the application made itself. */
async function ownClient(): Promise<FaunaClient> {
  const made = createClient(options);
  await flush();
  await runtime.lastRequest.answer();
  await runtime.lastRequest.event('put', put(1, FLAGS));
  return made;
}

test('a client that it was given is used, and outlives it', async () => {
  const fauna = await ownClient();
  const provider = new FaunaProvider(fauna);
  await OpenFeature.setProviderAndWait(provider);
  expect(await OpenFeature.getClient().getBooleanValue('checkout', false)).toBe(true);
  await OpenFeature.clearProviders();
  await flush();
  expect(fauna.status).toBe('ready');
  expect(runtime.requests).toHaveLength(1);
  await fauna.close();
});

test('a client that its owner closes leaves the provider in ERROR with the last values', async () => {
  const fauna = await ownClient();
  await OpenFeature.setProviderAndWait(new FaunaProvider(fauna));
  const client = OpenFeature.getClient();
  await fauna.close();
  expect(client.providerStatus).toBe(ProviderStatus.ERROR);
  expect(await client.getBooleanValue('checkout', false)).toBe(true);
});

test('a client that is closed already is FATAL', async () => {
  const fauna = await ownClient();
  await fauna.close();
  await expect(OpenFeature.setProviderAndWait(new FaunaProvider(fauna))).rejects.toThrow(
    'the client is closed',
  );
  expect(OpenFeature.getClient().providerStatus).toBe(ProviderStatus.FATAL);
});

test('a client that is stale when it is given is STALE, after READY', async () => {
  const fauna = await ownClient();
  runtime.lastRequest.fail();
  await runtime.advance(STALE_AFTER);
  const events = eventsOf(OpenFeature.getClient());
  events.length = 0;
  await OpenFeature.setProviderAndWait(new FaunaProvider(fauna));
  await flush();
  expect(events.map((event) => event.split(' ')[0])).toEqual(['PROVIDER_READY', 'PROVIDER_STALE']);
  expect(OpenFeature.getClient().providerStatus).toBe(ProviderStatus.STALE);
  await fauna.close();
});

test('a provider that is closed while it begins ends its client at once', async () => {
  const provider = new FaunaProvider(options);
  const settled = expect(provider.initialize()).rejects.toThrow('closed while it was initialized');
  await flush();
  await provider.onClose();
  await settled;
  expect(runtime.lastRequest.isAborted).toBe(true);
  expect(runtime.timerCount).toBe(0);
});

test('a provider that was closed can begin again, and closing twice is harmless', async () => {
  const provider = new FaunaProvider(options);
  await ready(provider, put(1, FLAGS));
  await OpenFeature.clearProviders();
  await provider.onClose();
  const client = await ready(provider, put(2, FLAGS));
  expect(await client.getBooleanDetails('checkout', false)).toMatchObject({
    value: true,
    flagMetadata: { version: 2 },
  });
  expect(runtime.requests).toHaveLength(2);
});

test('one provider for two domains is one client, which ends with the last of them', async () => {
  const provider = new FaunaProvider(options);
  await ready(provider, put(1, FLAGS));
  OpenFeature.setProvider('payments', provider);
  expect(await OpenFeature.getClient('payments').getBooleanValue('checkout', false)).toBe(true);
  expect(runtime.requests).toHaveLength(1);
  await OpenFeature.close();
  expect(provider.client).toBeUndefined();
  expect(runtime.timerCount).toBe(0);
});

test('a resolver that is asked before there is a client gives the default', async () => {
  const provider = new FaunaProvider(options);
  expect(await provider.resolveBooleanEvaluation('checkout', true, {})).toMatchObject({
    value: true,
    errorCode: 'PROVIDER_NOT_READY',
  });
});
