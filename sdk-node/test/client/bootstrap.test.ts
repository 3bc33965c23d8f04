/** The order of truth: live, last known, bootstrap, the code's own default. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createClient } from '../../src/index.ts';
import type { BridgeOptions, FaunaClient, Logger, RulesetJson } from '../../src/index.ts';
import { FakeRuntime, flush } from '../support/fake-runtime.ts';
import { audienceOf, booleanFlag, EPOCH, patch, put, ruleFor } from '../support/rulesets.ts';

let runtime: FakeRuntime;
let logged: string[];
let client: FaunaClient | undefined;

beforeEach(() => {
  runtime = new FakeRuntime();
  logged = [];
  client = undefined;
});

afterEach(async () => {
  await client?.close();
  expect(runtime.timerCount).toBe(0);
});

const logger: Logger = {
  info: (message) => logged.push(`info ${message}`),
  warn: (message) => logged.push(`warn ${message}`),
  error: (message) => logged.push(`error ${message}`),
};

const ON = { a: booleanFlag() };
const OFF = { a: booleanFlag({ enabled: false }) };

function connect(bootstrap: object, more: Partial<BridgeOptions> = {}): Promise<FaunaClient> {
  const options = { url: 'http://bridge', key: 'fauna_sk_x', logger, usage: false, runtime, ...more };
  return createClient({ ...options, bootstrap: bootstrap as RulesetJson });
}

const value = (of: FaunaClient): boolean => of.boolean('a', {}, false);

test('a bootstrap is there at once and honestly stale when the bridge cannot be reached', async () => {
  const connecting = connect({ flags: ON });
  runtime.lastRequest.fail();
  client = await connecting;
  expect([client.status, value(client)]).toEqual(['stale', true]);
  expect(client.position).toEqual({ environment: 'local', epoch: 'local', revision: 0 });
  expect(client.booleanDetails('missing', {}, true)).toMatchObject({
    value: true,
    errorCode: 'FLAG_NOT_FOUND',
  });
  await client.waitUntilReady({ timeoutMs: 0 });
  expect(logged).toEqual([
    'warn flag changes do not arrive: the connection failed: fetch failed; trying again',
    'warn no connection yet: evaluations use what was known before until there is one',
  ]);
});

test('createClient waits for live values though it has a bootstrap', async () => {
  const connecting = connect({ flags: ON });
  let isSettled = false;
  void connecting.then(() => (isSettled = true));
  await runtime.advance(4999);
  expect(isSettled).toBe(false);
  await runtime.lastRequest.answer();
  await runtime.lastRequest.event('put', put(1, OFF));
  client = await connecting;
  expect([client.status, value(client)]).toEqual(['ready', false]);
});

test('createClient settles within timeoutMs on a bootstrap when nothing answers', async () => {
  const connecting = connect({ flags: ON }, { timeoutMs: 100 });
  await runtime.advance(100);
  client = await connecting;
  expect([client.status, value(client)]).toEqual(['stale', true]);
});

describe('a newer bootstrap', () => {
  test('is not overwritten by older data of a bridge that lags behind', async () => {
    const connecting = connect(put(10, ON));
    await runtime.lastRequest.answer();
    await runtime.lastRequest.event('put', put(8, OFF));
    client = await connecting;
    expect([client.position?.revision, value(client)]).toEqual([10, true]);

    // When the bridge has caught up its word counts again.
    await runtime.lastRequest.event('patch', patch(8, 11));
    await runtime.advance(1000);
    await runtime.lastRequest.answer();
    await runtime.lastRequest.event('put', put(11, OFF));
    expect([client.position?.revision, value(client)]).toEqual([11, false]);
  });

  test('is kept without reconnecting while the bridge catches up patch by patch', async () => {
    const connecting = connect(put(10, ON));
    await runtime.lastRequest.answer();
    await runtime.lastRequest.event('put', put(7, OFF));
    client = await connecting;
    await runtime.lastRequest.event('patch', patch(7, 8));
    await runtime.lastRequest.event('patch', patch(8, 9));
    expect([client.error, client.position?.revision, value(client)]).toEqual([undefined, 10, true]);
    await runtime.advance(10_000);
    expect(runtime.requests).toHaveLength(1);
  });

  test('is replaced by another epoch, whatever its revision', async () => {
    const connecting = connect(put(10, ON));
    await runtime.lastRequest.answer();
    await runtime.lastRequest.event('put', put(1, OFF, {}, 'restored'));
    client = await connecting;
    expect(client.position).toMatchObject({ epoch: 'restored', revision: 1 });
  });
});

test('a bridge is asked for everything, not for what follows a bootstrap', async () => {
  const connecting = connect(put(10, ON));
  expect(runtime.lastRequest.headers.get('last-event-id')).toBeNull();
  await runtime.lastRequest.answer();
  // What a bridge that knows the same configuration says of it makes it one to continue from.
  await runtime.lastRequest.event('put', put(10, ON));
  client = await connecting;
  await runtime.lastRequest.end();
  await runtime.advance(1000);
  expect(runtime.lastRequest.headers.get('last-event-id')).toBe(`${EPOCH}:10`);
});

test('audiences that no flag of a bootstrap uses are the bridge’s once it confirms the bootstrap', async () => {
  const connecting = connect(put(10, ON, { ca: audienceOf('US') }));
  await runtime.lastRequest.answer();
  await runtime.lastRequest.event('put', put(10, ON, { ca: audienceOf('CA') }));
  client = await connecting;
  const forCanada = booleanFlag({ rules: [ruleFor('ca')], default: { variant: 'off' } });
  await runtime.lastRequest.event('patch', patch(10, 11, { a: forCanada }));
  const values = ['CA', 'US'].map((country) => client?.boolean('a', { country }, false));
  expect(values).toEqual([true, false]);
});

test('nothing is built on a bootstrap: a patch without a put is a gap', async () => {
  const connecting = connect(put(10, ON), { timeoutMs: 0 });
  await runtime.advance(0);
  client = await connecting;
  await runtime.lastRequest.answer();
  await runtime.lastRequest.event('patch', patch(10, 11, OFF));
  expect([client.error?.code, value(client)]).toEqual(['PROTOCOL', true]);
});

test('a broken flag of a bootstrap harms no other', async () => {
  const connecting = connect({ flags: { ...ON, b: { kind: 'boolean' } } });
  runtime.lastRequest.fail();
  client = await connecting;
  expect(client.booleanDetails('b', {}, true)).toMatchObject({ value: true, errorCode: 'PARSE_ERROR' });
  expect(value(client)).toBe(true);
});

test('a change tells what differs from the bootstrap', async () => {
  const connecting = connect({ flags: { ...ON, b: booleanFlag() } }, { timeoutMs: 0 });
  await runtime.advance(0);
  client = await connecting;
  const keys: unknown[] = [];
  client.on('change', (change) => keys.push(change.keys));
  await runtime.lastRequest.answer();
  await runtime.lastRequest.event('put', put(1, { ...OFF, b: booleanFlag() }));
  expect(keys).toEqual([['a']]);
});

test.each([
  ['a text', '{}', 'ruleset: not an object'],
  ['no flags', {}, 'flags: not an object'],
  ['a revision that is a text', { flags: {}, revision: '1' }, 'revision: not a revision'],
  ['a patch', patch(1, 2), 'from: a patch is no whole ruleset'],
])('a bootstrap that is %s is a TypeError', async (_name, bootstrap, message) => {
  const refused = connect(bootstrap as object);
  await expect(refused).rejects.toThrow(TypeError);
  await expect(refused).rejects.toThrow(`the option bootstrap must be a ruleset: ${message}`);
  await flush();
  expect(runtime.requests).toHaveLength(0);
});
