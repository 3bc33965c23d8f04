/** A client with a cache on disk: a cold start without the network, and what is kept for the next. */
import { readdir, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createClient } from '../../src/index.ts';
import type { BridgeOptions, FaunaClient, Logger } from '../../src/index.ts';
import { readPayload } from '../../src/evaluator/payload.ts';
import type { Payload } from '../../src/evaluator/payload.ts';
import { CachedSource } from '../../src/source/cache/cached-source.ts';
import { RulesetCache } from '../../src/source/cache/ruleset-cache.ts';
import type { DataSink } from '../../src/source/data-source.ts';
import { RulesetStore } from '../../src/source/ruleset-store.ts';
import { until } from '../e2e/support/until.ts';
import { FakeRuntime } from '../support/fake-runtime.ts';
import { booleanFlag, EPOCH, patch, put } from '../support/rulesets.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const OWNER = { url: 'http://bridge', key: 'fauna_sk_x' };
const ON = { a: booleanFlag() };
const OFF = { a: booleanFlag({ enabled: false }) };

const inFolder = temporaryFolder();
let runtime: FakeRuntime;
let logged: string[];
let clients: FaunaClient[];

beforeEach(() => {
  runtime = new FakeRuntime();
  logged = [];
  clients = [];
});

afterEach(async () => {
  await Promise.all(clients.map((client) => client.close()));
  expect(runtime.timerCount).toBe(0);
});

const logger: Logger = {
  info: (message) => logged.push(`info ${message}`),
  warn: (message) => logged.push(`warn ${message}`),
  error: (message) => logged.push(`error ${message}`),
};

/** A client whose first request has been made, which is after the cache was read. */
async function connect(more: Partial<BridgeOptions> = {}): Promise<Promise<FaunaClient>[]> {
  const before = runtime.requests.length;
  const common = { url: 'http://bridge', key: 'fauna_sk_x', usage: false, logger, runtime };
  const options = { ...common, cacheDir: inFolder('cache') };
  const connecting = createClient({ ...options, ...more }).then((client) => {
    clients.push(client);
    return client;
  });
  await until('the cache was read', () => runtime.requests.length > before);
  // In an array, because a promise of a promise is the same as that promise.
  return [connecting];
}

async function restored(more: Partial<BridgeOptions> = {}): Promise<FaunaClient> {
  const [connecting] = await connect(more);
  runtime.lastRequest.fail();
  const client = await connecting;
  if (client === undefined) throw new Error('no client');
  return client;
}

async function connected(payload: object, more: Partial<BridgeOptions> = {}): Promise<FaunaClient> {
  const [connecting] = await connect(more);
  await runtime.lastRequest.answer();
  await runtime.lastRequest.event('put', payload);
  const client = await connecting;
  if (client === undefined) throw new Error('no client');
  return client;
}

const value = (client: FaunaClient): boolean => client.boolean('a', {}, false);

test('a cold start without the network has the values of the last run, and says that they are stale', async () => {
  await (await connected(put(7, ON))).close();
  const client = await restored();
  expect([client.status, value(client), client.position?.revision]).toEqual(['stale', true, 7]);
  expect(client.booleanDetails('a', {}, false)).toMatchObject({ variant: 'on', reason: 'STATIC' });
  await client.waitUntilReady({ timeoutMs: 0 });
});

test('without a cache of its own a client starts as it always did', async () => {
  const client = await connected(put(7, ON));
  expect([client.status, logged]).toEqual(['ready', []]);
});

test('patches are kept, too', async () => {
  const client = await connected(put(7, { ...ON, b: booleanFlag() }));
  await runtime.lastRequest.event('patch', patch(7, 8, { ...OFF, b: null }));
  await client.close();
  const next = await restored();
  expect([value(next), next.position?.revision]).toEqual([false, 8]);
  expect(next.booleanDetails('b', {}, true).errorCode).toBe('FLAG_NOT_FOUND');
});

test('a server is asked only for what is new since the cache, and that is kept on top of it', async () => {
  await (await connected(put(7, { ...ON, b: booleanFlag() }))).close();
  const [connecting] = await connect();
  expect(runtime.lastRequest.headers.get('last-event-id')).toBe(`${EPOCH}:7`);
  await runtime.lastRequest.answer();
  await runtime.lastRequest.event('patch', patch(7, 8, OFF));
  const client = await connecting;
  expect([client?.status, client?.boolean('b', {}, false)]).toEqual(['ready', true]);
  await client?.close();
  const next = await restored();
  expect([value(next), next.boolean('b', {}, false)]).toEqual([false, true]);
});

test('what a cache has is not current before the server has said so', async () => {
  await (await connected(put(7, ON))).close();
  const [connecting] = await connect();
  let isSettled = false;
  void connecting?.then(() => (isSettled = true));
  await runtime.lastRequest.answer();
  await runtime.lastRequest.send(': heartbeat\n\n');
  expect(isSettled).toBe(false);
  await runtime.lastRequest.event('patch', patch(7, 8, OFF));
  const client = await connecting;
  expect([client?.status, client?.boolean('a', {}, true)]).toEqual(['ready', false]);
});

test.each([
  ['a server with nothing new says so, and its answer is enough from then on', false, 'ready'],
  ['a server that is cut off confirms nothing, and its successor is heard first', true, 'stale'],
])('of what a cache has, %s', async (_name, stale, status) => {
  await (await connected(put(7, ON))).close();
  const [connecting] = await connect();
  await runtime.lastRequest.answer();
  await runtime.lastRequest.event('status', { stale });
  const client = await connecting;
  expect([client?.status, client?.boolean('a', {}, false)]).toEqual([status, true]);
  await runtime.lastRequest.end();
  await runtime.advance(30_000);
  // Cut off for `staleAfterMs`, so that both are stale before the next answer.
  expect(client?.status).toBe('stale');
  await runtime.lastRequest.answer();
  expect(client?.status).toBe(status);
  await runtime.lastRequest.event('status', { stale: false });
  expect(client?.status).toBe('ready');
});

test('a poll confirms the cache with an answer of nothing new', async () => {
  await (await connected(put(7, ON))).close();
  const [connecting] = await connect({ mode: 'poll' });
  expect(runtime.lastRequest.headers.get('if-none-match')).toBe(`"${EPOCH}:7"`);
  await runtime.lastRequest.answerWhole(304);
  const client = await connecting;
  expect([client?.status, client?.boolean('a', {}, false)]).toEqual(['ready', true]);
});

test('what is known from the last run goes before a bootstrap', async () => {
  await (await connected(put(7, ON))).close();
  const client = await restored({ bootstrap: { flags: OFF } });
  expect(value(client)).toBe(true);
});

test('a newer bootstrap is not overwritten by an older cache', async () => {
  await (await connected(put(7, ON))).close();
  const client = await restored({ bootstrap: put(9, OFF) as never });
  expect([value(client), client.position?.revision]).toEqual([false, 9]);
  expect(runtime.lastRequest.headers.get('last-event-id')).toBeNull();
});

test('a bootstrap that the server confirms is kept, and so is what is built on it', async () => {
  const client = await connected(put(9, { ...ON, b: booleanFlag() }), {
    bootstrap: put(9, { ...ON, b: booleanFlag() }) as never,
  });
  await runtime.lastRequest.event('patch', patch(9, 10, OFF));
  await client.close();
  const next = await restored();
  expect([value(next), next.boolean('b', {}, false), next.position?.revision]).toEqual([false, true, 10]);
});

test('a burst of changes is written once, a second after the first', async () => {
  const client = await connected(put(1, ON));
  for (let revision = 1; revision < 50; revision += 1) {
    await runtime.lastRequest.event('patch', patch(revision, revision + 1, OFF));
  }
  expect(await readdir(inFolder('cache')).catch(() => [])).toEqual([]);
  await runtime.advance(1000);
  await until('it is written', async () => (await readdir(inFolder('cache')).catch(() => [])).length === 1);
  expect((await readdir(inFolder('cache')))[0]).toMatch(/-50\.v2\.ruleset/);
  await client.close();
});

test('another client that is further behind does not take the cache back', async () => {
  const ahead = await connected(put(9, OFF));
  const behind = await connected(put(7, ON));
  await ahead.close();
  await behind.close();
  expect((await restored()).position?.revision).toBe(9);
});

test('what the server took back is not what the next run begins with', async () => {
  const client = await connected(put(9, OFF));
  await runtime.advance(1000);
  await until('it is written', async () => (await readdir(inFolder('cache')).catch(() => [])).length === 1);
  await runtime.lastRequest.event('put', put(8, ON));
  await client.close();
  expect((await restored()).position?.revision).toBe(8);
});

test('a damaged cache is ignored with a warning', async () => {
  await (await connected(put(7, ON))).close();
  const [name = ''] = await readdir(inFolder('cache'));
  await writeFile(inFolder('cache', name), 'x');
  const client = await connected(put(8, ON));
  expect(client.status).toBe('ready');
  expect(logged).toHaveLength(1);
  expect(logged[0]).toMatch(/^warn the cached ruleset .* is ignored and removed: /);
});

test('a folder that cannot be written is a warning, once, and nothing else', async () => {
  await writeFile(inFolder('cache'), '');
  const client = await connected(put(7, ON));
  await runtime.advance(1000);
  await until('it is said', () => logged.length > 1);
  await runtime.lastRequest.event('patch', patch(7, 8, OFF));
  await runtime.advance(1000);
  await client.close();
  expect([client.position?.revision, value(client)]).toEqual([8, false]);
  expect(logged).toEqual([
    `warn the cache in ${inFolder('cache')} cannot be read: ENOTDIR`,
    'warn the ruleset cannot be cached: EEXIST; it is tried again with the next change',
  ]);
});

test('closing while the cache is read leaves nothing', async () => {
  const source = new CachedSource(
    { start: () => started.push('source'), close: () => Promise.resolve() },
    new RulesetCache(inFolder('cache'), OWNER, runtime.now, (message) => logged.push(message)),
    { runtime, logger },
  );
  const started: string[] = [];
  source.start({} as DataSink);
  await source.close();
  expect([started, runtime.timerCount]).toEqual([[], 0]);
});

test('a disk that does not answer is not waited for', async () => {
  const hanging = { read: () => new Promise(() => undefined) } as unknown as RulesetCache;
  const started: string[] = [];
  const source = new CachedSource(
    { start: () => started.push('source'), close: () => Promise.resolve() },
    hanging,
    { runtime, logger },
  );
  source.start({} as DataSink);
  await runtime.advance(999);
  expect(started).toEqual([]);
  await runtime.advance(1);
  expect([started, logged]).toEqual([
    ['source'],
    ['warn the cache of rulesets did not answer within 1000 ms'],
  ]);
  await source.close();
});

/** A source that takes what a test gives it, kept in `cache`. */
function cached(cache: Partial<RulesetCache>): { source: CachedSource; give: (payload: Payload) => void } {
  const store = new RulesetStore();
  let sink: DataSink | undefined;
  const within = {
    start: (started: DataSink) => {
      sink = started;
    },
    close: () => Promise.resolve(),
  };
  const source = new CachedSource(within, cache as RulesetCache, { runtime, logger });
  source.start({
    get position() {
      return store.ruleset?.position;
    },
    get resumableFrom() {
      return store.resumableFrom;
    },
    restore: (payload) => store.apply(payload, false).result,
    apply: (payload, { mayGoBack }) => store.apply(payload, mayGoBack).result,
    live: () => undefined,
    interrupted: () => undefined,
  });
  const give = (payload: Payload): void => {
    sink?.apply(payload, { mayGoBack: true, isServerStale: false });
  };
  return { source, give };
}

test('what the server took back replaces what is ahead also when the first write of it fails', async () => {
  const written: unknown[] = [];
  const { source, give } = cached({
    read: () => Promise.resolve(undefined),
    write: ({ revision }, _ruleset, isTakenBack) => {
      written.push([revision, isTakenBack]);
      return written.length === 2 ? Promise.reject(new Error('the disk is full')) : Promise.resolve();
    },
  });
  await runtime.advance(0);
  give(readPayload(put(9, OFF)));
  await runtime.advance(1000);
  give(readPayload(put(8, ON)));
  await runtime.advance(1000);
  await source.close();
  expect(written).toEqual([
    [9, false],
    [8, true],
    [8, true],
  ]);
});

test('close waits three seconds for a disk that hangs, and says so', async () => {
  const { source, give } = cached({
    read: () => Promise.resolve(undefined),
    write: () => new Promise(() => undefined),
  });
  await runtime.advance(0);
  give(readPayload(put(9, ON)));
  let closed = 0;
  for (const close of [source.close(), source.close()]) void close.then(() => (closed += 1));
  await runtime.advance(2999);
  expect([closed, logged]).toEqual([0, []]);
  await runtime.advance(1);
  expect(closed).toBe(2);
  expect(logged).toEqual(['warn the ruleset may not be cached: the disk did not answer within 3000 ms']);
});
