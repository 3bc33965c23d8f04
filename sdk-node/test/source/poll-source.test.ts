/** The poller as a state machine: a table of every state and every event; what it asks; whom it believes. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { FaunaError } from '../../src/fauna-error.ts';
import { PollSource } from '../../src/source/poll/poll-source.ts';
import type { PollState } from '../../src/source/poll/poll-source.ts';
import { readText } from '../../src/source/poll/read-text.ts';
import { RulesetStore } from '../../src/source/ruleset-store.ts';
import { FakeRuntime } from '../support/fake-runtime.ts';
import { booleanFlag, EPOCH, patch, put } from '../support/rulesets.ts';

const OPTIONS = {
  url: 'http://bridge',
  key: 'fauna_sk_secret',
  userAgent: 'test/1',
  pollIntervalMs: 15_000,
  connectTimeoutMs: 10_000,
};
const JSON_TYPE = { 'content-type': 'application/json' };

let runtime: FakeRuntime;
let source: PollSource;
let store: RulesetStore;
let errors: FaunaError[];
let live: boolean[];

beforeEach(() => {
  runtime = new FakeRuntime();
  source = new PollSource(OPTIONS, runtime);
  store = new RulesetStore();
  errors = [];
  live = [];
});

afterEach(async () => {
  await source.close();
  expect(runtime.timerCount).toBe(0);
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

const answer = (payload: unknown, headers: Record<string, string> = {}): Promise<void> =>
  runtime.lastRequest.answerWhole(200, { ...JSON_TYPE, ...headers }, JSON.stringify(payload));

/** Asks again at the next time. */
const again = (): Promise<void> => runtime.advance(15_000);

const ENTER: Record<PollState, () => Promise<void>> = {
  idle: () => Promise.resolve(),
  asking: () => {
    start();
    return Promise.resolve();
  },
  waiting: async () => {
    start();
    await answer(put(1, { a: booleanFlag() }));
  },
  closed: async () => {
    await ENTER.waiting();
    await source.close();
  },
};

const EVENTS = {
  'a ruleset is answered': () => answer(put(5)),
  'nothing new is answered': () => runtime.lastRequest.answerWhole(304),
  'a patch is answered': () => answer(patch(1, 2)),
  'half a ruleset is answered': () => runtime.lastRequest.answerWhole(200, JSON_TYPE, '{"environment":'),
  'a page is answered': () => runtime.lastRequest.answerWhole(200, { 'content-type': 'text/html' }, '<p>'),
  'the key is refused': () => runtime.lastRequest.answerWhole(401),
  'the server is overloaded': () => runtime.lastRequest.answerWhole(503, { 'retry-after': '120' }),
  'the network fails': async () => {
    runtime.lastRequest.fail();
    await runtime.advance(0);
  },
  'ten seconds pass': () => runtime.advance(10_000),
  'fifteen seconds pass': () => runtime.advance(15_000),
  'it is closed': () => source.close(),
} as const;

type EventName = keyof typeof EVENTS;
type Row = readonly [next: PollState, requests: number, delayMs: number | undefined, told: string];

const WAITING_ON: Row = ['waiting', 0, 15_000, ''];
const CLOSED: Row = ['closed', 0, undefined, ''];

/** State after the event, how many requests it took, what the timer waits for, and what the client was told. */
const TABLE: Record<Exclude<PollState, 'idle'>, Record<EventName, Row>> = {
  asking: {
    'a ruleset is answered': ['waiting', 0, 15_000, 'live'],
    'nothing new is answered': ['waiting', 0, 15_000, 'live'],
    'a patch is answered': ['waiting', 0, 1000, 'PROTOCOL'],
    'half a ruleset is answered': ['waiting', 0, 1000, 'PROTOCOL'],
    'a page is answered': ['waiting', 0, 1000, 'BAD_RESPONSE'],
    'the key is refused': ['waiting', 0, 60_000, 'UNAUTHORIZED'],
    'the server is overloaded': ['waiting', 0, 120_000, 'BAD_RESPONSE'],
    'the network fails': ['waiting', 0, 1000, 'DISCONNECTED'],
    'ten seconds pass': ['waiting', 0, 1000, 'TIMEOUT'],
    // Given up after 10 s, asked again a second later, and 4 s into that.
    'fifteen seconds pass': ['asking', 1, 6000, 'TIMEOUT'],
    'it is closed': CLOSED,
  },
  waiting: {
    // Nothing can be answered twice; a late answer is one to a question that is over.
    'a ruleset is answered': WAITING_ON,
    'nothing new is answered': WAITING_ON,
    'a patch is answered': WAITING_ON,
    'half a ruleset is answered': WAITING_ON,
    'a page is answered': WAITING_ON,
    'the key is refused': WAITING_ON,
    'the server is overloaded': WAITING_ON,
    'the network fails': WAITING_ON,
    'ten seconds pass': ['waiting', 0, 5000, ''],
    'fifteen seconds pass': ['asking', 1, 10_000, ''],
    'it is closed': CLOSED,
  },
  closed: {
    'a ruleset is answered': CLOSED,
    'nothing new is answered': CLOSED,
    'a patch is answered': CLOSED,
    'half a ruleset is answered': CLOSED,
    'a page is answered': CLOSED,
    'the key is refused': CLOSED,
    'the server is overloaded': CLOSED,
    'the network fails': CLOSED,
    'ten seconds pass': CLOSED,
    'fifteen seconds pass': CLOSED,
    'it is closed': CLOSED,
  },
};

describe.each(Object.keys(TABLE) as (keyof typeof TABLE)[])('while %s', (state) => {
  test.each(Object.keys(EVENTS) as EventName[])('when %s', async (event) => {
    await ENTER[state]();
    expect(source.state).toBe(state);
    const before = runtime.requests.length;
    [errors, live] = [[], []];
    await EVENTS[event]();
    const told = [...errors.map((error) => error.code), ...live.map(() => 'live')].join();
    const row = [source.state, runtime.requests.length - before, runtime.delaysMs[0], told];
    expect(row).toEqual(TABLE[state][event]);
    expect(runtime.timerCount).toBe(source.state === 'closed' ? 0 : 1);
  });
});

test('a source is started once', () => {
  start();
  expect(start).toThrow('once');
});

test('the question carries the key in a header, and names what is held once there is something', async () => {
  start();
  const { url, headers } = runtime.lastRequest;
  expect(url).toBe('http://bridge/v1/ruleset');
  expect(headers.get('authorization')).toBe('Bearer fauna_sk_secret');
  expect(headers.get('if-none-match')).toBeNull();
  expect(headers.get('connection')).toBe('close');
  await answer(put(1));
  await again();
  expect(runtime.lastRequest.headers.get('if-none-match')).toBe(`"${EPOCH}:1"`);
});

test('a bootstrap is not named: the ruleset is asked for in whole', () => {
  store.bootstrap({ ...put(10), from: undefined } as never);
  start();
  expect(runtime.lastRequest.headers.get('if-none-match')).toBeNull();
});

test('the wait is shortened by up to a tenth, so that clients started together drift apart', async () => {
  runtime.chance = 0.5;
  start();
  await answer(put(1));
  expect(runtime.delaysMs).toEqual([14_250]);
});

test('the wait after failures grows, and an answer starts it over', async () => {
  start();
  for (const delayMs of [1000, 2000, 4000]) {
    runtime.lastRequest.fail();
    await runtime.advance(0);
    expect(runtime.delaysMs).toEqual([delayMs]);
    await runtime.advance(delayMs);
  }
  await answer(put(1));
  await again();
  runtime.lastRequest.fail();
  await runtime.advance(0);
  expect(runtime.delaysMs).toEqual([1000]);
});

test('a body that comes in pieces may take its time, and one that stops may not', async () => {
  start();
  await runtime.lastRequest.answer(200, JSON_TYPE);
  const text = JSON.stringify(put(3));
  for (const piece of [text.slice(0, 10), text.slice(10, 20), text.slice(20, 30)]) {
    await runtime.advance(9000);
    await runtime.lastRequest.send(piece);
  }
  expect(errors).toEqual([]);
  await runtime.advance(10_000);
  expect(errors.map((error) => error.code)).toEqual(['TIMEOUT']);
  expect(runtime.lastRequest.isAborted).toBe(true);
});

test('an answer that is older than what is held is kept out', async () => {
  await ENTER.waiting();
  await again();
  await answer(put(10));
  await again();
  await answer(put(8));
  expect([revision(), errors.length, live]).toEqual([10, 0, [false, false, false]]);
});

test('another epoch replaces what is held, whatever its revision', async () => {
  await ENTER.waiting();
  await again();
  await answer(put(0, {}, {}, 'restored'));
  expect(store.ruleset?.position.epoch).toBe('restored');
});

test('another epoch of a bridge that is cut off is kept out once one that is not has answered', async () => {
  start();
  await answer(put(1, {}, {}, 'first'), { 'fauna-stale': 'true' });
  expect(store.ruleset?.position.epoch).toBe('first');
  await again();
  await answer(put(1, {}, {}, 'second'));
  await again();
  await answer(put(1, {}, {}, 'first'), { 'fauna-stale': 'true' });
  expect(store.ruleset?.position.epoch).toBe('second');
  expect(live).toEqual([true, false, true]);
});

test('a bridge that is cut off says so with 304, too', async () => {
  await ENTER.waiting();
  await again();
  await runtime.lastRequest.answerWhole(304, { 'fauna-stale': 'true' });
  expect(live).toEqual([false, true]);
});

test('a listener that closes the client in the middle of an answer leaves no timer', async () => {
  source.start({
    position: undefined,
    resumableFrom: undefined,
    restore: () => 'known',
    apply: () => {
      void source.close();
      return 'applied';
    },
    live: (isServerStale) => live.push(isServerStale),
    interrupted: (error) => errors.push(error),
  });
  await answer(put(1));
  expect([source.state, runtime.timerCount, live.length, errors.length]).toEqual(['closed', 0, 0, 0]);
});

test('close does not wait for a fetch that knows nothing of the abort', async () => {
  const { now, random, setTimeout, clearTimeout } = runtime;
  const fetch = (): Promise<never> => new Promise(() => undefined);
  source = new PollSource(OPTIONS, { fetch, now, random, setTimeout, clearTimeout });
  start();
  await source.close();
  expect(source.state).toBe('closed');
});

test('a body that is too long is not read to its end', async () => {
  const pieces = [new Uint8Array(10), new Uint8Array(10)];
  let read = 0;
  async function* body(): AsyncGenerator<Uint8Array> {
    for (const piece of pieces) {
      read += 1;
      yield await Promise.resolve(piece);
    }
  }
  await expect(readText(body(), () => undefined, 9)).rejects.toThrow('too long');
  expect(read).toBe(1);
});

test('errors say what happened and hold no key', async () => {
  start();
  await runtime.lastRequest.answerWhole(404);
  await runtime.advance(1000);
  await runtime.lastRequest.answerWhole(200, { 'content-type': 'text/html; charset=utf-8' }, '<html>');
  expect(errors.map((error) => error.message)).toEqual([
    'the server answered 404',
    'the answer is no ruleset; is the URL the bridge’s?',
  ]);
});
