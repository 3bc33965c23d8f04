/** The stream as a state machine: a table of every state and every event, and the invariants between connections. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { FaunaError } from '../../src/fauna-error.ts';
import { RulesetStore } from '../../src/source/ruleset-store.ts';
import { StreamSource } from '../../src/source/stream/stream-source.ts';
import type { StreamState } from '../../src/source/stream/stream-source.ts';
import { FakeRuntime } from '../support/fake-runtime.ts';
import { booleanFlag, EPOCH, patch, put } from '../support/rulesets.ts';

const OPTIONS = {
  url: 'http://bridge',
  key: 'fauna_sk_secret',
  userAgent: 'test/1',
  connectTimeoutMs: 10_000,
  heartbeatTimeoutMs: 45_000,
};

let runtime: FakeRuntime;
let source: StreamSource;
let store: RulesetStore;
let errors: FaunaError[];
let live: boolean[];

beforeEach(() => {
  runtime = new FakeRuntime();
  source = new StreamSource(OPTIONS, runtime);
  store = new RulesetStore();
  errors = [];
  live = [];
});

afterEach(async () => {
  await source.close();
  expect(runtime.timerCount).toBe(0);
  expect(runtime.requests.every((request) => request.isAborted || request === runtime.lastRequest)).toBe(
    true,
  );
});

function start(): void {
  source.start({
    get position() {
      return store.ruleset?.position;
    },
    get resumableFrom() {
      return store.resumableFrom;
    },
    restore: (payload) => store.apply(payload, false).result,
    apply: (payload, { mayGoBack }) => store.apply(payload, mayGoBack).result,
    live: (isServerStale) => live.push(isServerStale),
    interrupted: (error) => errors.push(error),
  });
}

const revision = (): number | undefined => store.ruleset?.position.revision;

/** Ways into every state, each from the start. */
const ENTER: Record<StreamState, () => Promise<void>> = {
  idle: () => Promise.resolve(),
  connecting: () => {
    start();
    return Promise.resolve();
  },
  streaming: async () => {
    start();
    await runtime.lastRequest.answer();
    await runtime.lastRequest.event('put', put(1, { a: booleanFlag() }));
  },
  waiting: async () => {
    await ENTER.streaming();
    await runtime.lastRequest.end();
  },
  closed: async () => {
    await ENTER.streaming();
    await source.close();
  },
};

const EVENTS = {
  'a stream is answered': () => runtime.lastRequest.answer(),
  'the key is refused': () => runtime.lastRequest.answer(401, {}),
  'the server is overloaded': () => runtime.lastRequest.answer(503, { 'retry-after': '120' }),
  'a page is answered': () => runtime.lastRequest.answer(200, { 'content-type': 'text/html' }),
  'the network fails': async () => {
    runtime.lastRequest.fail();
    await runtime.advance(0);
  },
  'a put arrives': () => runtime.lastRequest.event('put', put(5)),
  'a patch that continues arrives': () => runtime.lastRequest.event('patch', patch(1, 2)),
  'a patch that does not continue arrives': () => runtime.lastRequest.event('patch', patch(7, 8)),
  'an unreadable event arrives': () => runtime.lastRequest.send('event: patch\ndata: {"epo\n\n'),
  'a heartbeat arrives': () => runtime.lastRequest.send(': heartbeat\n\n'),
  'the server ends the stream': () => runtime.lastRequest.end(),
  'ten seconds pass': () => runtime.advance(10_000),
  '45 seconds pass': () => runtime.advance(45_000),
  'it is closed': () => source.close(),
} as const;

type EventName = keyof typeof EVENTS;

/** What can happen to a request that has no answer yet. */
const ANSWERS: readonly EventName[] = [
  'a stream is answered',
  'the key is refused',
  'the server is overloaded',
  'a page is answered',
];

/** State after the event, how many requests it took, when the one timer fires, and what the client was told. */
type Row = readonly [next: StreamState, requests: number, timersMs: readonly number[], told: string];

const TABLE: Record<Exclude<StreamState, 'idle'>, Partial<Record<EventName, Row>>> = {
  connecting: {
    'a stream is answered': ['streaming', 0, [45000], ''],
    'the key is refused': ['waiting', 0, [60000], 'UNAUTHORIZED'],
    'the server is overloaded': ['waiting', 0, [120000], 'BAD_RESPONSE'],
    'a page is answered': ['waiting', 0, [1000], 'BAD_RESPONSE'],
    'the network fails': ['waiting', 0, [1000], 'DISCONNECTED'],
    'a put arrives': ['connecting', 0, [10000], ''],
    'a patch that continues arrives': ['connecting', 0, [10000], ''],
    'a patch that does not continue arrives': ['connecting', 0, [10000], ''],
    'an unreadable event arrives': ['connecting', 0, [10000], ''],
    'a heartbeat arrives': ['connecting', 0, [10000], ''],
    'the server ends the stream': ['connecting', 0, [10000], ''],
    'ten seconds pass': ['waiting', 0, [1000], 'TIMEOUT'],
    // The answer is given up after 10 s, the next attempt a second later, its successor 10 + 2 s after that …
    '45 seconds pass': ['connecting', 3, [2000], 'TIMEOUT,TIMEOUT,TIMEOUT'],
    'it is closed': ['closed', 0, [], ''],
  },
  streaming: {
    'the network fails': ['waiting', 0, [1000], 'DISCONNECTED'],
    'a put arrives': ['streaming', 0, [45000], 'live'],
    'a patch that continues arrives': ['streaming', 0, [45000], 'live'],
    'a patch that does not continue arrives': ['waiting', 0, [1000], 'PROTOCOL'],
    'an unreadable event arrives': ['waiting', 0, [1000], 'PROTOCOL'],
    'a heartbeat arrives': ['streaming', 0, [45000], ''],
    'the server ends the stream': ['waiting', 0, [1000], 'ENDED'],
    'ten seconds pass': ['streaming', 0, [35000], ''],
    '45 seconds pass': ['waiting', 0, [1000], 'TIMEOUT'],
    'it is closed': ['closed', 0, [], ''],
  },
  waiting: {
    'the network fails': ['waiting', 0, [1000], ''],
    'a put arrives': ['waiting', 0, [1000], ''],
    'a patch that continues arrives': ['waiting', 0, [1000], ''],
    'a patch that does not continue arrives': ['waiting', 0, [1000], ''],
    'an unreadable event arrives': ['waiting', 0, [1000], ''],
    'a heartbeat arrives': ['waiting', 0, [1000], ''],
    'the server ends the stream': ['waiting', 0, [1000], ''],
    'ten seconds pass': ['connecting', 1, [1000], ''],
    '45 seconds pass': ['connecting', 4, [10000], 'TIMEOUT,TIMEOUT,TIMEOUT'],
    'it is closed': ['closed', 0, [], ''],
  },
  closed: {
    'the network fails': ['closed', 0, [], ''],
    'a put arrives': ['closed', 0, [], ''],
    'a patch that continues arrives': ['closed', 0, [], ''],
    'a patch that does not continue arrives': ['closed', 0, [], ''],
    'an unreadable event arrives': ['closed', 0, [], ''],
    'a heartbeat arrives': ['closed', 0, [], ''],
    'the server ends the stream': ['closed', 0, [], ''],
    'ten seconds pass': ['closed', 0, [], ''],
    '45 seconds pass': ['closed', 0, [], ''],
    'it is closed': ['closed', 0, [], ''],
  },
};

describe.each(Object.keys(TABLE) as (keyof typeof TABLE)[])('while %s', (state) => {
  const events = Object.keys(EVENTS) as EventName[];
  const possible = events.filter((event) => state === 'connecting' || !ANSWERS.includes(event));
  test.each(possible)('when %s', async (event) => {
    await ENTER[state]();
    expect(source.state).toBe(state);
    const before = runtime.requests.length;
    [errors, live] = [[], []];
    await EVENTS[event]();
    const told = [...errors.map((error) => error.code), ...live.map(() => 'live')].join();
    const row = [source.state, runtime.requests.length - before, runtime.delaysMs, told];
    expect(row).toEqual(TABLE[state][event]);
  });
});

test('a source is started once', () => {
  start();
  expect(start).toThrow('once');
});

describe('the request', () => {
  test('carries the key in a header and no id at first', () => {
    start();
    const { url, headers } = runtime.lastRequest;
    expect(url).toBe('http://bridge/v1/stream');
    expect(headers.get('authorization')).toBe('Bearer fauna_sk_secret');
    expect(headers.get('accept')).toBe('text/event-stream');
    expect(headers.get('last-event-id')).toBeNull();
  });

  test('resumes from what was applied', async () => {
    await ENTER.streaming();
    await runtime.lastRequest.event('patch', patch(1, 2));
    await runtime.lastRequest.end();
    await runtime.advance(1000);
    expect(runtime.lastRequest.headers.get('last-event-id')).toBe(`${EPOCH}:2`);
  });

  test.each([
    ['a gap', 'patch', patch(7, 8)],
    ['another epoch', 'patch', { ...patch(1, 2), epoch: 'other' }],
    ['another environment', 'patch', { ...patch(1, 2), environment: 'staging' }],
    ['a patch without a from', 'patch', put(2)],
    ['a payload without flags', 'patch', { ...patch(1, 2), flags: null }],
    ['a payload that is no object', 'put', 17],
  ])('asks for everything after %s, and keeps the ruleset meanwhile', async (_name, type, payload) => {
    await ENTER.streaming();
    await runtime.lastRequest.event(type, payload);
    expect(errors.map((error) => error.code)).toEqual(['PROTOCOL']);
    expect(revision()).toBe(1);
    await runtime.advance(1000);
    expect(runtime.lastRequest.headers.get('last-event-id')).toBeNull();

    // It asks for everything until it has been given it.
    runtime.lastRequest.fail();
    await runtime.advance(2000);
    expect(runtime.lastRequest.headers.get('last-event-id')).toBeNull();
    await runtime.lastRequest.answer();
    await runtime.lastRequest.event('put', put(9));
    await runtime.lastRequest.end();
    await runtime.advance(30_000);
    expect(runtime.lastRequest.headers.get('last-event-id')).toBe(`${EPOCH}:9`);
  });

  test('what follows an unusable event in the same chunk is not applied', async () => {
    await ENTER.streaming();
    const good = `event: patch\ndata: ${JSON.stringify(patch(1, 2))}\n\n`;
    await runtime.lastRequest.send(`event: patch\ndata: ${JSON.stringify(patch(7, 8))}\n\n${good}`);
    expect(revision()).toBe(1);
    expect(errors).toHaveLength(1);
  });
});

describe('the wait', () => {
  test('is a minute for a refused key, without hammering', async () => {
    start();
    for (let attempt = 1; attempt <= 5; attempt += 1) {
      await runtime.lastRequest.answer(403, {});
      expect(runtime.delaysMs).toEqual([60_000]);
      await runtime.advance(60_000);
    }
    expect(runtime.requests).toHaveLength(6);
    expect(errors.every((error) => error.code === 'FORBIDDEN' && error.status === 403)).toBe(true);
  });

  test('is as long as Retry-After says, up to five minutes', async () => {
    start();
    await runtime.lastRequest.answer(503, { 'retry-after': '120' });
    expect(runtime.delaysMs).toEqual([120_000]);
    await runtime.advance(120_000);
    await runtime.lastRequest.answer(429, { 'retry-after': new Date(runtime.now() + 40_000).toUTCString() });
    expect(runtime.delaysMs).toEqual([40_000]);
    await runtime.advance(40_000);
    await runtime.lastRequest.answer(503, { 'retry-after': '86400' });
    expect(runtime.delaysMs).toEqual([300_000]);
    await runtime.advance(300_000);
    await runtime.lastRequest.answer(503, { 'retry-after': 'soon' });
    expect(runtime.delaysMs).toEqual([8000]);
  });

  test('does not grow over connections that were healthy', async () => {
    await ENTER.streaming();
    for (let round = 0; round < 3; round += 1) {
      for (let beat = 0; beat < 4; beat += 1) {
        await runtime.advance(15_000);
        await runtime.lastRequest.send(':\n\n');
      }
      await runtime.lastRequest.end();
      expect(runtime.delaysMs).toEqual([1000]);
      await runtime.advance(1000);
      await runtime.lastRequest.answer();
    }
  });

  test('grows over connections that are accepted and dropped', async () => {
    start();
    for (const delayMs of [1000, 2000, 4000, 8000]) {
      await runtime.lastRequest.answer();
      await runtime.lastRequest.end();
      expect(runtime.delaysMs).toEqual([delayMs]);
      await runtime.advance(delayMs);
    }
  });

  test('begins where the server wishes', async () => {
    await ENTER.streaming();
    await runtime.lastRequest.send('retry: 7000\n\n');
    await runtime.lastRequest.end();
    expect(runtime.delaysMs).toEqual([7000]);
  });
});

describe('silence', () => {
  test('heartbeats keep a stream alive', async () => {
    await ENTER.streaming();
    for (let beat = 0; beat < 20; beat += 1) {
      await runtime.advance(40_000);
      await runtime.lastRequest.send(': heartbeat\n\n');
    }
    expect(runtime.requests).toHaveLength(1);
  });

  test('of 45 seconds ends a stream, from its answer on', async () => {
    start();
    await runtime.lastRequest.answer();
    await runtime.advance(44_999);
    expect(source.state).toBe('streaming');
    await runtime.advance(1);
    expect(source.state).toBe('waiting');
    expect(runtime.lastRequest.isAborted).toBe(true);
    expect(errors[0]?.code).toBe('TIMEOUT');
  });
});

describe('live', () => {
  test('a first connection is live with its put', async () => {
    start();
    await runtime.lastRequest.answer();
    expect(live).toEqual([]);
    await runtime.lastRequest.event('put', put(1));
    expect(live).toEqual([false]);
  });

  test('a resumed connection is live with its answer', async () => {
    await ENTER.waiting();
    await runtime.advance(1000);
    live = [];
    await runtime.lastRequest.answer();
    expect(live).toEqual([false]);
  });

  test('the server says when it is cut off itself', async () => {
    await ENTER.streaming();
    await runtime.lastRequest.event('status', { stale: true });
    await runtime.lastRequest.event('patch', patch(1, 2));
    await runtime.lastRequest.event('status', { stale: false });
    expect(live).toEqual([false, true, true, false]);
  });
});

describe('a server that lags behind and was not told where we are', () => {
  beforeEach(async () => {
    start();
    await runtime.lastRequest.answer();
    await runtime.lastRequest.event('put', put(10, { a: booleanFlag() }));
    await runtime.lastRequest.event('patch', patch(20, 21));
    await runtime.advance(1000);
    await runtime.lastRequest.answer();
    await runtime.lastRequest.event('put', put(8, { a: booleanFlag({ enabled: false }) }));
  });

  test('does not replace newer by older', () => {
    expect(revision()).toBe(10);
    expect(source.state).toBe('streaming');
  });

  test('is ignored until it has caught up, and then asked for everything', async () => {
    await runtime.lastRequest.event('patch', patch(8, 9));
    expect([revision(), source.state]).toEqual([10, 'streaming']);
    await runtime.lastRequest.event('patch', patch(9, 10));
    expect([revision(), source.state]).toEqual([10, 'waiting']);
    await runtime.advance(2000);
    expect(runtime.lastRequest.headers.get('last-event-id')).toBeNull();
    await runtime.lastRequest.answer();
    await runtime.lastRequest.event('put', put(10, { b: booleanFlag() }));
    expect([...(store.ruleset?.flagKeys ?? [])]).toEqual(['b']);
  });
});

test('a put with an older revision in answer to where we are is the server’s word and applies', async () => {
  await ENTER.streaming();
  await runtime.lastRequest.event('patch', patch(1, 2, { a: null }));
  await runtime.lastRequest.end();
  await runtime.advance(1000);
  await runtime.lastRequest.answer();
  await runtime.lastRequest.event('put', put(1, { a: booleanFlag() }));
  expect([revision(), [...(store.ruleset?.flagKeys ?? [])]]).toEqual([1, ['a']]);
  await runtime.lastRequest.event('patch', patch(1, 2, { b: booleanFlag() }));
  expect([revision(), [...(store.ruleset?.flagKeys ?? [])]]).toEqual([2, ['a', 'b']]);
});

test('a put with an older revision on the same connection is the server’s word and applies', async () => {
  start();
  await runtime.lastRequest.answer();
  await runtime.lastRequest.event('put', put(10));
  await runtime.lastRequest.event('put', put(9));
  expect(revision()).toBe(9);
});

test('a put of another epoch applies whatever its revision', async () => {
  await ENTER.streaming();
  await runtime.lastRequest.event('patch', patch(1, 50));
  await runtime.lastRequest.event('put', put(3, {}, {}, 'restored'));
  expect(store.ruleset?.position).toMatchObject({ epoch: 'restored', revision: 3 });
});

test('a patch that is known already changes nothing and ends nothing', async () => {
  await ENTER.streaming();
  await runtime.lastRequest.event('patch', patch(1, 2));
  await runtime.lastRequest.event('patch', patch(1, 2, { a: null }));
  expect([revision(), source.state]).toEqual([2, 'streaming']);
  expect([...(store.ruleset?.flagKeys ?? [])]).toEqual(['a']);
});

test('events of other types are left to later versions', async () => {
  await ENTER.streaming();
  await runtime.lastRequest.send('event: news\ndata: {\n\n');
  expect(source.state).toBe('streaming');
});

test('errors say what happened and hold no key', async () => {
  start();
  runtime.lastRequest.fail(new TypeError('fetch failed', { cause: { code: 'ECONNREFUSED' } }));
  await runtime.advance(1000);
  await runtime.lastRequest.answer(404, {});
  expect(errors.map((error) => error.message)).toEqual([
    'the connection failed: ECONNREFUSED',
    'the server answered 404',
  ]);
});

test('close does not wait for a fetch that knows nothing of the abort', async () => {
  const { now, random, setTimeout, clearTimeout } = runtime;
  const fetch = (): Promise<never> => new Promise(() => undefined);
  source = new StreamSource(OPTIONS, { fetch, now, random, setTimeout, clearTimeout });
  start();
  await source.close();
  expect(source.state).toBe('closed');
});
