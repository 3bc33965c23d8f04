/** The client from outside: statuses, events, waiting, closing. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createClient, FaunaError } from '../../src/index.ts';
import type { BridgeOptions, FaunaClient, Logger } from '../../src/index.ts';
import { FakeRuntime, flush } from '../support/fake-runtime.ts';
import { audienceOf, booleanFlag, EPOCH, patch, put, ruleFor } from '../support/rulesets.ts';

let runtime: FakeRuntime;
let logged: string[];
let client: FaunaClient | undefined;
let heard: unknown[];

beforeEach(() => {
  runtime = new FakeRuntime();
  logged = [];
  heard = [];
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

function connect(more: Partial<BridgeOptions> = {}): Promise<FaunaClient> {
  return createClient({ url: 'http://bridge/', key: 'fauna_sk_x', logger, usage: false, runtime, ...more });
}

/** A client with its first ruleset, whose events are heard. */
async function connected(payload: object = put(1, { a: booleanFlag() }), more: Partial<BridgeOptions> = {}) {
  const connecting = connect(more);
  await runtime.lastRequest.answer();
  await runtime.lastRequest.event('put', payload);
  client = await connecting;
  listen(client);
  return client;
}

function listen(to: FaunaClient): void {
  to.on('ready', ({ previous }) => heard.push(['ready', previous]));
  to.on('stale', ({ previous }) => heard.push(['stale', previous]));
  to.on('close', ({ previous }) => heard.push(['close', previous]));
  to.on('change', ({ keys, revision }) => heard.push(['change', keys, revision]));
  to.on('error', ({ code }) => heard.push(['error', code]));
}

describe('createClient', () => {
  test('resolves with the first ruleset', async () => {
    const made = await connected();
    expect(made.status).toBe('ready');
    expect(made.position).toEqual({ environment: 'production', epoch: EPOCH, revision: 1 });
    expect(made.boolean('a', {}, false)).toBe(true);
    expect(logged).toEqual([]);
  });

  test('resolves within timeoutMs though nothing answers, and goes on trying behind', async () => {
    const connecting = connect({ timeoutMs: 2000 });
    await runtime.advance(1999);
    let isSettled = false;
    void connecting.then(() => (isSettled = true));
    await flush();
    expect(isSettled).toBe(false);
    await runtime.advance(1);
    client = await connecting;
    expect(client.status).toBe('initializing');
    expect(client.boolean('a', {}, true)).toBe(true);
    expect(logged).toEqual(['warn no ruleset yet: evaluations give their defaults until it arrives']);

    listen(client);
    await runtime.lastRequest.answer();
    await runtime.lastRequest.event('put', put(1, { a: booleanFlag() }));
    expect(heard).toEqual([
      ['ready', 'initializing'],
      ['change', ['a'], 1],
    ]);
  });

  test.each([401, 403])('resolves at once when the key is refused with %d', async (status) => {
    const connecting = connect();
    await runtime.lastRequest.answer(status, {});
    client = await connecting;
    expect(client.status).toBe('initializing');
    expect(client.error?.status).toBe(status);
  });

  test('does not give up at 500', async () => {
    const connecting = connect();
    await runtime.lastRequest.answer(500, {});
    await runtime.advance(1000);
    await runtime.lastRequest.answer();
    await runtime.lastRequest.event('put', put(1));
    client = await connecting;
    expect(client.status).toBe('ready');
    expect(client.error).toBeUndefined();
  });

  test.each([
    ['url', { url: 'bridge:8080' }],
    ['url', { url: 'ftp://bridge' }],
    ['url', { url: 'http://user:secret@bridge' }],
    ['url', { url: 'http://bridge?token=secret' }],
    ['url', { url: 'http://bridge/#there' }],
    ['key', { key: '' }],
    ['key', { key: 'fauna_sk_ä' }],
    ['client key', { key: 'fauna_ck_x' }],
    ['logger', { logger: { warn: () => undefined, error: () => undefined } as never }],
    ['timeoutMs', { timeoutMs: Number.NaN }],
    ['staleAfterMs', { staleAfterMs: -1 }],
    ['connectTimeoutMs', { connectTimeoutMs: 2 ** 31 }],
    ['heartbeatTimeoutMs', { heartbeatTimeoutMs: '45' as never }],
    ['mode', { mode: 'push' as never }],
    ['pollIntervalMs', { pollIntervalMs: 999 }],
    ['cacheDir', { cacheDir: '' }],
  ])('rejects a bad %s', async (name, options) => {
    await expect(connect(options)).rejects.toThrow(name);
    expect(runtime.requests).toHaveLength(0);
  });
});

describe('waitUntilReady', () => {
  test('resolves at once when there is a ruleset, stale or not', async () => {
    const made = await connected();
    await runtime.lastRequest.end();
    await runtime.advance(30_000);
    expect(made.status).toBe('stale');
    await made.waitUntilReady({ timeoutMs: 0 });
  });

  test('rejects after timeoutMs with what is wrong', async () => {
    const connecting = connect({ timeoutMs: 0 });
    await runtime.advance(0);
    client = await connecting;
    const waiting = client.waitUntilReady({ timeoutMs: 500 });
    const rejected = expect(waiting).rejects.toMatchObject({
      code: 'TIMEOUT',
      cause: { code: 'DISCONNECTED' },
    });
    runtime.lastRequest.fail();
    await runtime.advance(500);
    await rejected;
  });

  test('rejects when the client is closed, before and after', async () => {
    const connecting = connect({ timeoutMs: 0 });
    await runtime.advance(0);
    const made = await connecting;
    const rejected = expect(made.waitUntilReady()).rejects.toMatchObject({ code: 'CLOSED' });
    await made.close();
    await rejected;
    await expect(made.waitUntilReady()).rejects.toThrow(FaunaError);
  });

  test('leaves no timer and no listener behind', async () => {
    const connecting = connect({ timeoutMs: 100 });
    await runtime.advance(100);
    client = await connecting;
    const waiting = client.waitUntilReady({ timeoutMs: 60_000 });
    await runtime.lastRequest.answer();
    await runtime.lastRequest.event('put', put(1));
    await waiting;
    expect(runtime.delaysMs).toEqual([45_000]);
  });
});

describe('status', () => {
  test('is ready through a short outage and says nothing', async () => {
    const made = await connected();
    await runtime.lastRequest.end();
    await runtime.advance(1000);
    await runtime.lastRequest.answer();
    expect(made.status).toBe('ready');
    expect([heard, logged, made.error]).toEqual([[], [], undefined]);
  });

  test('is stale after staleAfterMs of outage, however many attempts fail in it, and ready again after', async () => {
    const made = await connected(undefined, { staleAfterMs: 20_000 });
    await runtime.lastRequest.end();
    await runtime.advance(10_000);
    runtime.lastRequest.fail();
    await runtime.advance(9_999);
    expect(made.status).toBe('ready');
    await runtime.advance(1);
    expect(made.status).toBe('stale');
    expect(made.boolean('a', {}, false)).toBe(true);
    expect(made.booleanDetails('a', {}, false).errorCode).toBeUndefined();

    while (runtime.lastRequest.isAborted) await runtime.advance(1000);
    await runtime.lastRequest.answer();
    expect(made.status).toBe('ready');
    expect(heard.filter((event) => (event as unknown[])[0] !== 'error')).toEqual([
      ['stale', 'ready'],
      ['ready', 'stale'],
    ]);
  });

  test('is stale when the server says that it is cut off itself', async () => {
    const made = await connected();
    await runtime.lastRequest.event('status', { stale: true });
    expect(made.status).toBe('stale');
    await runtime.lastRequest.event('status', { stale: false });
    expect(made.status).toBe('ready');
  });

  test('stays stale when it resumes at a server that is cut off itself', async () => {
    const made = await connected();
    await runtime.lastRequest.event('status', { stale: true });
    await runtime.lastRequest.end();
    await runtime.advance(1000);
    await runtime.lastRequest.answer(200, { 'content-type': 'text/event-stream', 'fauna-stale': 'true' });
    await runtime.lastRequest.event('status', { stale: true });
    expect(made.status).toBe('stale');
    expect(heard).toEqual([['stale', 'ready']]);
  });

  test('stays initializing as long as there is no ruleset', async () => {
    const connecting = connect({ timeoutMs: 0, staleAfterMs: 10 });
    await runtime.advance(0);
    client = await connecting;
    await runtime.advance(120_000);
    expect(client.status).toBe('initializing');
  });

  test('is not ready before the put that follows a gap', async () => {
    const made = await connected(undefined, { staleAfterMs: 1500 });
    await runtime.lastRequest.event('patch', patch(5, 6));
    await runtime.advance(1000);
    await runtime.lastRequest.answer();
    await runtime.advance(500);
    expect(made.status).toBe('stale');
    await runtime.lastRequest.event('put', put(6));
    expect(made.status).toBe('ready');
  });
});

describe('a revoked key', () => {
  test('keeps its last values, shows the error, and is asked for once a minute', async () => {
    const made = await connected();
    await runtime.lastRequest.end();
    await runtime.advance(1000);
    await runtime.lastRequest.answer(401, {});
    expect(made.error?.code).toBe('UNAUTHORIZED');
    expect(made.boolean('a', {}, false)).toBe(true);
    await runtime.advance(59_000);
    expect(runtime.requests).toHaveLength(2);
    await runtime.advance(1000);
    await runtime.lastRequest.answer();
    expect(made.error).toBeUndefined();
  });
});

describe('change', () => {
  test('comes once for every event that is applied, after it is', async () => {
    const made = await connected();
    let seen: boolean | undefined;
    made.on('change', () => (seen = made.boolean('a', {}, true)));
    await runtime.lastRequest.event(
      'patch',
      patch(1, 2, { a: booleanFlag({ enabled: false }), b: booleanFlag() }),
    );
    expect(seen).toBe(false);
    await runtime.lastRequest.event('patch', patch(2, 3, { a: null }));
    expect(heard).toEqual([
      ['change', ['a', 'b'], 2],
      ['change', ['a'], 3],
    ]);
    expect(made.booleanDetails('a', {}, true).errorCode).toBe('FLAG_NOT_FOUND');
  });

  test('lists flags whose audiences changed, directly or nested, and their dependents', async () => {
    const nested = { match: 'all', conditions: [{ operator: 'in_audience', values: ['base'] }] };
    const flags = {
      direct: booleanFlag({ rules: [ruleFor('base')] }),
      through: booleanFlag({ rules: [ruleFor('outer')] }),
      dependent: booleanFlag({ prerequisites: [{ flag: 'through', variants: ['on'] }] }),
      further: booleanFlag({ prerequisites: [{ flag: 'dependent', variants: ['on'] }] }),
      other: booleanFlag({ rules: [ruleFor('unrelated')] }),
    };
    const made = await connected(
      put(1, flags, { base: audienceOf('CA'), outer: nested, unrelated: audienceOf('US') }),
    );
    await runtime.lastRequest.event('patch', patch(1, 2, {}, { base: audienceOf('FR') }));
    expect(heard).toEqual([['change', ['dependent', 'direct', 'further', 'through'], 2]]);
    expect(made.booleanDetails('through', { country: 'FR' }, false).reason).toBe('TARGETING_MATCH');
  });

  test('lists after a resync only what differs', async () => {
    await connected(put(1, { a: booleanFlag(), b: booleanFlag(), c: booleanFlag() }));
    await runtime.lastRequest.event('patch', patch(7, 8));
    await runtime.advance(1000);
    await runtime.lastRequest.answer();
    await runtime.lastRequest.event(
      'put',
      put(8, { a: booleanFlag(), b: booleanFlag({ enabled: false }), d: booleanFlag() }),
    );
    expect(heard).toEqual([
      ['error', 'PROTOCOL'],
      ['change', ['b', 'c', 'd'], 8],
    ]);
  });

  test('does not come for a put of what is held', async () => {
    await connected();
    await runtime.lastRequest.event('put', put(1, { a: booleanFlag() }));
    expect(heard).toEqual([]);
  });

  test('comes for a revision that changes no flag', async () => {
    await connected();
    await runtime.lastRequest.event('patch', patch(1, 2, {}, { unused: audienceOf('CA') }));
    expect(heard).toEqual([['change', [], 2]]);
  });
});

describe('listeners', () => {
  test('one that throws harms neither the others nor the client', async () => {
    const made = await connected();
    made.on('change', () => {
      throw new Error('mine');
    });
    made.on('change', () => heard.push('second'));
    await runtime.lastRequest.event('patch', patch(1, 2));
    expect(heard).toEqual([['change', [], 2], 'second']);
    expect(logged).toEqual(['error a listener threw: mine']);
  });

  test('one that is asynchronous and rejects does not end the process', async () => {
    const made = await connected();
    // eslint-disable-next-line @typescript-eslint/no-misused-promises -- what applications do
    made.on('change', () => Promise.reject(new Error('mine, later')));
    await runtime.lastRequest.event('patch', patch(1, 2));
    expect(logged).toEqual(['error a listener threw: mine, later']);
  });

  test('one that was taken off hears nothing', async () => {
    const made = await connected();
    const listener = (): void => void heard.push('never');
    const stop = made.on('change', listener);
    stop();
    made.on('change', listener);
    made.off('change', listener);
    await runtime.lastRequest.event('patch', patch(1, 2));
    expect(heard).toEqual([['change', [], 2]]);
  });

  test('an error without listeners is no exception', async () => {
    const connecting = connect();
    runtime.lastRequest.fail();
    await runtime.advance(1000);
    await runtime.lastRequest.answer();
    await runtime.lastRequest.event('put', put(1));
    client = await connecting;
    expect(client.status).toBe('ready');
  });
});

describe('close', () => {
  test('leaves no timer, no connection and no listener, and keeps the last values', async () => {
    const made = await connected();
    const request = runtime.lastRequest;
    await made.close();
    expect(request.isAborted).toBe(true);
    expect(runtime.timerCount).toBe(0);
    expect(made.status).toBe('closed');
    expect(made.boolean('a', {}, false)).toBe(true);
    await runtime.advance(600_000);
    expect(runtime.requests).toHaveLength(1);
    expect(heard).toEqual([['close', 'ready']]);
  });

  test('may come at any time and more than once', async () => {
    const connecting = connect();
    runtime.lastRequest.fail();
    await flush();
    await runtime.advance(5000);
    const made = await connecting;
    await Promise.all([made.close(), made.close()]);
    await made.close();
    expect(made.status).toBe('closed');
  });

  test('does not wait for a body that knows nothing of the abort', async () => {
    const body = new ReadableStream<Uint8Array>();
    const headers = { 'content-type': 'text/event-stream' };
    const fetch = (): Promise<Response> => Promise.resolve(new Response(body, { headers }));
    const made = await createClient({
      url: 'http://bridge',
      key: 'k',
      logger,
      usage: false,
      runtime: { fetch },
      timeoutMs: 0,
    });
    await made.close();
    expect(made.status).toBe('closed');
  });

  test('may be called from a listener', async () => {
    const made = await connected();
    made.on('change', () => void made.close());
    await runtime.lastRequest.event('patch', patch(1, 2));
    expect(made.status).toBe('closed');
    expect(runtime.timerCount).toBe(0);
  });
});

describe('the log', () => {
  test('may fail without harm to the stream', async () => {
    const fail = (): never => {
      throw new Error('the disk is full');
    };
    const connecting = connect({ logger: { info: fail, warn: fail, error: fail } });
    await runtime.lastRequest.answer(500, {});
    await runtime.advance(1000);
    await runtime.lastRequest.answer();
    await runtime.lastRequest.event('put', put(1));
    client = await connecting;
    expect([client.status, client.error]).toEqual(['ready', undefined]);
  });

  test('tells of every kind of failure in an outage once, not of every attempt', async () => {
    await connected();
    runtime.lastRequest.fail();
    for (let attempt = 0; attempt < 5; attempt += 1) {
      await runtime.advance(30_000);
      runtime.lastRequest.fail();
    }
    await runtime.advance(30_000);
    await runtime.lastRequest.answer();
    expect(logged).toEqual([
      'warn flag changes do not arrive: the connection failed: fetch failed; trying again',
      'warn flag changes do not arrive: no answer within 10000 ms; trying again',
      'info flag changes arrive again',
    ]);
  });
});
