/**
 * The client as a state machine: a row for every state and every event that says the next status, the requests made, the
 * timers that wait and the events told. Time, network and chance are the test's.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createClient } from '../../src/index.ts';
import type { ClientStatus, FaunaClient, Logger } from '../../src/index.ts';
import { FakeRuntime } from '../support/fake-runtime.ts';
import { booleanFlag, patch, put } from '../support/rulesets.ts';

const nothing = (): void => undefined;
const SILENT: Logger = { info: nothing, warn: nothing, error: nothing };

let runtime: FakeRuntime;
let client: FaunaClient;
let told: string[];

beforeEach(() => {
  runtime = new FakeRuntime();
  told = [];
});

afterEach(async () => {
  await client.close();
  expect(runtime.timerCount).toBe(0);
});

/** A client without rules, whose first request has no answer yet. */
async function start(): Promise<void> {
  const options = { url: 'http://bridge', key: 'fauna_sk_x', logger: SILENT, runtime, staleAfterMs: 20_000 };
  const connecting = createClient({ ...options, usage: false, timeoutMs: 0 });
  await runtime.advance(0);
  client = await connecting;
  for (const name of ['ready', 'stale', 'close'] as const) client.on(name, () => told.push(name));
  client.on('change', ({ revision }) => told.push(`change ${revision}`));
  client.on('error', ({ code }) => told.push(code));
}

const ENTER = {
  /** No rules; the request has no answer yet. */
  initializing: start,
  /** No rules; the server cannot be reached. */
  'initializing, cut off': async () => {
    await start();
    runtime.lastRequest.fail();
    await runtime.advance(0);
  },
  ready: async () => {
    await start();
    await runtime.lastRequest.answer();
    await runtime.lastRequest.event('put', put(1, { a: booleanFlag() }));
  },
  /** The stream has ended a moment ago. */
  'ready, cut off': async () => {
    await ENTER.ready();
    await runtime.lastRequest.end();
  },
  /** The stream ended and 20 s have passed; an attempt (the fourth) has no answer yet. */
  'stale, cut off': async () => {
    await ENTER['ready, cut off']();
    for (const waitMs of [1000, 2000, 4000]) {
      await runtime.advance(waitMs);
      runtime.lastRequest.fail();
      await runtime.advance(0);
    }
    await runtime.advance(13_000);
  },
  /** The stream is there, but the server is cut off from its database. */
  'stale with its server': async () => {
    await ENTER.ready();
    await runtime.lastRequest.event('status', { stale: true });
  },
  closed: async () => {
    await ENTER.ready();
    await client.close();
  },
} as const;

type StateName = keyof typeof ENTER;

const STATUS_OF: Record<StateName, ClientStatus> = {
  initializing: 'initializing',
  'initializing, cut off': 'initializing',
  ready: 'ready',
  'ready, cut off': 'ready',
  'stale, cut off': 'stale',
  'stale with its server': 'stale',
  closed: 'closed',
};

/** Answers the request that waits for one, after waiting for it to be made. */
async function answered(answer: () => Promise<void>): Promise<void> {
  if (!runtime.lastRequest.isAborted) return answer();
  const before = runtime.requests.length;
  for (let step = 0; step < 40 && runtime.requests.length === before; step += 1) await runtime.advance(100);
  await answer();
}

const EVENTS = {
  /** A connection is made (again), and what comes first is everything. */
  'everything arrives': () =>
    answered(async () => {
      await opened();
      await runtime.lastRequest.event('put', put(5, { a: booleanFlag(), b: booleanFlag() }));
    }),
  /** A connection is made (again), and there is nothing new. */
  'a connection without news': () => answered(opened),
  'what continues arrives': () => runtime.lastRequest.event('patch', patch(1, 2)),
  'what does not continue arrives': () => runtime.lastRequest.event('patch', patch(7, 8)),
  'something unreadable arrives': () => runtime.lastRequest.send('event: put\ndata: {"env\n\n'),
  'the server is cut off': () => runtime.lastRequest.event('status', { stale: true }),
  'the server is back': () => runtime.lastRequest.event('status', { stale: false }),
  'the server ends the stream': () => runtime.lastRequest.end(),
  'the network fails': async () => {
    runtime.lastRequest.fail();
    await runtime.advance(0);
  },
  'the key is refused': () => answered(refused),
  'twenty seconds pass': () => runtime.advance(20_000),
  'it is closed': () => client.close(),
} as const;

type EventName = keyof typeof EVENTS;

/** Answers with a stream, unless that has been done or nobody asks any more. */
async function opened(): Promise<void> {
  if (!runtime.lastRequest.isAnswered) await runtime.lastRequest.answer();
}

async function refused(): Promise<void> {
  if (!runtime.lastRequest.isAnswered) await runtime.lastRequest.answer(401, {});
}

/** Status after the event, how many requests it took, when the timers that wait fire, and what was told, in order. */
type Row = readonly [next: ClientStatus, requests: number, timersMs: readonly number[], told: string];

const TABLE: Record<StateName, Record<EventName, Row>> = {
  initializing: {
    'everything arrives': ['ready', 0, [45000], 'ready, change 5'],
    'a connection without news': ['initializing', 0, [45000], ''],
    'what continues arrives': ['initializing', 0, [10000], ''],
    'what does not continue arrives': ['initializing', 0, [10000], ''],
    'something unreadable arrives': ['initializing', 0, [10000], ''],
    'the server is cut off': ['initializing', 0, [10000], ''],
    'the server is back': ['initializing', 0, [10000], ''],
    'the server ends the stream': ['initializing', 0, [10000], ''],
    'the network fails': ['initializing', 0, [1000], 'DISCONNECTED'],
    'the key is refused': ['initializing', 0, [60000], 'UNAUTHORIZED'],
    'twenty seconds pass': ['initializing', 1, [1000], 'TIMEOUT'],
    'it is closed': ['closed', 0, [], 'close'],
  },
  'initializing, cut off': {
    'everything arrives': ['ready', 1, [45000], 'ready, change 5'],
    'a connection without news': ['initializing', 1, [45000], ''],
    'what continues arrives': ['initializing', 0, [1000], ''],
    'what does not continue arrives': ['initializing', 0, [1000], ''],
    'something unreadable arrives': ['initializing', 0, [1000], ''],
    'the server is cut off': ['initializing', 0, [1000], ''],
    'the server is back': ['initializing', 0, [1000], ''],
    'the server ends the stream': ['initializing', 0, [1000], ''],
    'the network fails': ['initializing', 0, [1000], ''],
    'the key is refused': ['initializing', 1, [60000], 'UNAUTHORIZED'],
    'twenty seconds pass': ['initializing', 2, [3000], 'TIMEOUT'],
    'it is closed': ['closed', 0, [], 'close'],
  },
  ready: {
    'everything arrives': ['ready', 0, [45000], 'change 5'],
    'a connection without news': ['ready', 0, [45000], ''],
    'what continues arrives': ['ready', 0, [45000], 'change 2'],
    'what does not continue arrives': ['ready', 0, [1000, 20000], 'PROTOCOL'],
    'something unreadable arrives': ['ready', 0, [1000, 20000], 'PROTOCOL'],
    'the server is cut off': ['stale', 0, [45000], 'stale'],
    'the server is back': ['ready', 0, [45000], ''],
    'the server ends the stream': ['ready', 0, [1000, 20000], ''],
    'the network fails': ['ready', 0, [1000, 20000], 'DISCONNECTED'],
    'the key is refused': ['ready', 0, [45000], ''],
    'twenty seconds pass': ['ready', 0, [25000], ''],
    'it is closed': ['closed', 0, [], 'close'],
  },
  'ready, cut off': {
    'everything arrives': ['ready', 1, [45000], 'change 5'],
    'a connection without news': ['ready', 1, [45000], ''],
    'what continues arrives': ['ready', 0, [1000, 20000], ''],
    'what does not continue arrives': ['ready', 0, [1000, 20000], ''],
    'something unreadable arrives': ['ready', 0, [1000, 20000], ''],
    'the server is cut off': ['ready', 0, [1000, 20000], ''],
    'the server is back': ['ready', 0, [1000, 20000], ''],
    'the server ends the stream': ['ready', 0, [1000, 20000], ''],
    'the network fails': ['ready', 0, [1000, 20000], ''],
    'the key is refused': ['ready', 1, [19000, 60000], 'UNAUTHORIZED'],
    'twenty seconds pass': ['stale', 2, [3000], 'TIMEOUT, stale'],
    'it is closed': ['closed', 0, [], 'close'],
  },
  'stale, cut off': {
    'everything arrives': ['ready', 0, [45000], 'ready, change 5'],
    'a connection without news': ['ready', 0, [45000], 'ready'],
    'what continues arrives': ['stale', 0, [5000], ''],
    'what does not continue arrives': ['stale', 0, [5000], ''],
    'something unreadable arrives': ['stale', 0, [5000], ''],
    'the server is cut off': ['stale', 0, [5000], ''],
    'the server is back': ['stale', 0, [5000], ''],
    'the server ends the stream': ['stale', 0, [5000], ''],
    'the network fails': ['stale', 0, [16000], 'DISCONNECTED'],
    'the key is refused': ['stale', 0, [60000], 'UNAUTHORIZED'],
    'twenty seconds pass': ['stale', 0, [1000], 'TIMEOUT'],
    'it is closed': ['closed', 0, [], 'close'],
  },
  'stale with its server': {
    'everything arrives': ['stale', 0, [45000], 'change 5'],
    'a connection without news': ['stale', 0, [45000], ''],
    'what continues arrives': ['stale', 0, [45000], 'change 2'],
    'what does not continue arrives': ['stale', 0, [1000], 'PROTOCOL'],
    'something unreadable arrives': ['stale', 0, [1000], 'PROTOCOL'],
    'the server is cut off': ['stale', 0, [45000], ''],
    'the server is back': ['ready', 0, [45000], 'ready'],
    'the server ends the stream': ['stale', 0, [1000], ''],
    'the network fails': ['stale', 0, [1000], 'DISCONNECTED'],
    'the key is refused': ['stale', 0, [45000], ''],
    'twenty seconds pass': ['stale', 0, [25000], ''],
    'it is closed': ['closed', 0, [], 'close'],
  },
  closed: {
    'everything arrives': ['closed', 0, [], ''],
    'a connection without news': ['closed', 0, [], ''],
    'what continues arrives': ['closed', 0, [], ''],
    'what does not continue arrives': ['closed', 0, [], ''],
    'something unreadable arrives': ['closed', 0, [], ''],
    'the server is cut off': ['closed', 0, [], ''],
    'the server is back': ['closed', 0, [], ''],
    'the server ends the stream': ['closed', 0, [], ''],
    'the network fails': ['closed', 0, [], ''],
    'the key is refused': ['closed', 0, [], ''],
    'twenty seconds pass': ['closed', 0, [], ''],
    'it is closed': ['closed', 0, [], ''],
  },
};

describe.each(Object.keys(ENTER) as StateName[])('%s', (state) => {
  test.each(Object.keys(EVENTS) as EventName[])('when %s', async (event) => {
    await ENTER[state]();
    expect(client.status).toBe(STATUS_OF[state]);
    const before = runtime.requests.length;
    told = [];
    await EVENTS[event]();
    const row = [client.status, runtime.requests.length - before, runtime.delaysMs, told.join(', ')];
    expect(row).toEqual(TABLE[state][event]);
  });
});
