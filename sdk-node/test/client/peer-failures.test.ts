/**
 * What users of other flag clients have reported, one after the other: none of it can happen here. The tests' names say
 * what was reported.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createClient, staticSource } from '../../src/index.ts';
import type { BridgeOptions, FaunaClient, Logger, RulesetJson } from '../../src/index.ts';
import { until } from '../e2e/support/until.ts';
import { FakeRuntime, flush } from '../support/fake-runtime.ts';
import type { FakeRequest } from '../support/fake-runtime.ts';
import { booleanFlag, EPOCH, patch, put } from '../support/rulesets.ts';

const nothing = (): void => undefined;
const SILENT: Logger = { info: nothing, warn: nothing, error: nothing };
const ON = { a: booleanFlag() };
const OFF = { a: booleanFlag({ enabled: false }) };

let runtime: FakeRuntime;
let client: FaunaClient | undefined;

beforeEach(() => {
  runtime = new FakeRuntime();
  client = undefined;
});

afterEach(async () => {
  await client?.close();
  expect(runtime.timerCount).toBe(0);
});

function connect(more: Partial<BridgeOptions> = {}): Promise<FaunaClient> {
  return createClient({
    url: 'http://bridge',
    key: 'fauna_sk_x',
    logger: SILENT,
    usage: false,
    runtime,
    ...more,
  });
}

async function connected(payload: object = put(1, ON)): Promise<FaunaClient> {
  const connecting = connect();
  await runtime.lastRequest.answer();
  await runtime.lastRequest.event('put', payload);
  client = await connecting;
  return client;
}

/** The next request after the present one is over. */
async function reconnected(): Promise<FakeRequest> {
  const before = runtime.requests.length;
  while (runtime.requests.length === before) await runtime.advance(1000);
  return runtime.lastRequest;
}

const value = (): boolean | undefined => client?.boolean('a', {}, false);

describe('reconnect storms that multiply', () => {
  /** Requests that are neither over nor given up. */
  const open = (): number => runtime.requests.filter((request) => !request.isAborted).length;

  test('one connection and one timer, however a connection fails, and however often', async () => {
    await connected();
    const failures: ((request: FakeRequest) => Promise<void> | void)[] = [
      (request) => {
        request.fail();
      },
      (request) => request.answer(500, {}),
      (request) => request.answer(200, { 'content-type': 'text/html' }),
      (request) => request.answer().then(() => request.end()),
      // Everything at once, twice.
      async (request) => {
        await request.answer();
        await Promise.all([request.event('patch', patch(70, 80)), request.end()]);
        request.fail();
        request.fail();
      },
    ];
    await runtime.lastRequest.end();
    for (let round = 0; round < 60; round += 1) {
      const request = await reconnected();
      expect(open()).toBe(1);
      await failures[round % failures.length]?.(request);
      await flush();
      expect(open()).toBe(0);
      // For the next attempt; and the one that makes the client stale.
      expect(runtime.timerCount).toBeLessThanOrEqual(2);
    }
    expect(runtime.requests).toHaveLength(61);
  });

  test('a day offline is an attempt every half a minute and not one more', async () => {
    await connected();
    await runtime.lastRequest.end();
    const day = 24 * 60 * 60_000;
    const end = runtime.now() + day;
    while (runtime.now() < end) (await reconnected()).fail();
    // 1 + 2 + 4 + 8 + 16 s, and then every 30.
    expect(runtime.requests.length).toBeLessThan(day / 30_000 + 10);
  });

  test('clients that lost the same server do not come back together', async () => {
    const delays = new Set<number>();
    for (let index = 0; index < 20; index += 1) {
      runtime.chance = index / 20;
      const made = await connected();
      await runtime.lastRequest.end();
      delays.add(runtime.delaysMs[0] ?? 0);
      await made.close();
    }
    expect(delays.size).toBe(20);
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(500);
    expect(Math.max(...delays)).toBe(1000);
  });
});

describe('init that hangs', () => {
  const hanging: [string, () => Promise<void> | void][] = [
    ['nobody answers', () => undefined],
    ['the head of the answer comes and nothing else', () => runtime.lastRequest.answer()],
    [
      'heartbeats come and no ruleset',
      async () => {
        await runtime.lastRequest.answer();
        await runtime.lastRequest.send(': heartbeat\n\n');
      },
    ],
    [
      'half a ruleset comes',
      async () => {
        await runtime.lastRequest.answer();
        await runtime.lastRequest.send('event: put\ndata: {"environment":');
      },
    ],
    ['a ruleset comes that nobody can read', () => answeredWith('event: put\ndata: []\n\n')],
    [
      'a patch comes in place of a ruleset',
      () => answeredWith(`event: patch\ndata: ${JSON.stringify(patch(1, 2))}\n\n`),
    ],
    ['500 is answered', () => runtime.lastRequest.answer(500, {})],
    [
      '503 is answered with a Retry-After of minutes',
      () => runtime.lastRequest.answer(503, { 'retry-after': '240' }),
    ],
    [
      'the network fails',
      () => {
        runtime.lastRequest.fail();
      },
    ],
  ];

  async function answeredWith(text: string): Promise<void> {
    await runtime.lastRequest.answer();
    await runtime.lastRequest.send(text);
  }

  test.each(hanging)('settles within timeoutMs, and has values later: when %s', async (_name, happen) => {
    const connecting = connect({ timeoutMs: 3000 });
    let settledAt: number | undefined;
    void connecting.then(() => (settledAt = runtime.now()));
    const startedAt = runtime.now();
    await happen();
    await runtime.advance(3000);
    client = await connecting;
    expect((settledAt ?? 0) - startedAt).toBe(3000);
    expect([client.status, value()]).toEqual(['initializing', false]);

    // Whatever it was passes.
    while (client.status !== 'ready' && runtime.now() < startedAt + 400_000) {
      const request = runtime.lastRequest;
      if (!request.isAborted && !request.isAnswered) {
        await request.answer();
        await request.event('put', put(1, ON));
      }
      await runtime.advance(1000);
    }
    expect([client.status, value()]).toEqual(['ready', true]);
  });
});

describe('stale data after a server restart', () => {
  test('a server that begins anew, with another epoch and lower revisions, replaces what is held', async () => {
    const made = await connected(put(900, ON));
    await runtime.lastRequest.end();
    const request = await reconnected();
    await request.answer();
    await request.event('put', put(1, OFF, {}, 'restarted'));
    expect([value(), made.position?.revision, made.status]).toEqual([false, 1, 'ready']);
    await request.event('patch', { ...patch(1, 2, ON), epoch: 'restarted' });
    expect(value()).toBe(true);
  });

  test('a server that restarted without its last commits takes the client back, for it was told where that is', async () => {
    await connected(put(9, ON));
    await runtime.lastRequest.end();
    const request = await reconnected();
    expect(request.headers.get('last-event-id')).toBe(`${EPOCH}:9`);
    await request.answer();
    await request.event('put', put(8, OFF));
    expect([value(), client?.position?.revision]).toEqual([false, 8]);
  });

  test('a connection that died without a word is noticed, and what it missed arrives', async () => {
    await connected();
    await runtime.advance(45_000);
    const request = await reconnected();
    await request.answer();
    await request.event('patch', patch(1, 2, OFF));
    expect(value()).toBe(false);
  });

  test('an event of the old connection that arrives late changes nothing', async () => {
    await connected();
    const old = runtime.lastRequest;
    await runtime.advance(45_000);
    const request = await reconnected();
    await request.answer();
    await old.event('patch', patch(1, 2, OFF));
    expect([value(), client?.position?.revision]).toEqual([true, 1]);
  });
});

describe('updates missed while disconnected', () => {
  test('are asked for by where the client was, and arrive as one change', async () => {
    const made = await connected(put(1, { ...ON, b: booleanFlag() }));
    const changes: unknown[] = [];
    made.on('change', ({ keys }) => changes.push(keys));
    await runtime.lastRequest.end();
    const request = await reconnected();
    expect(request.headers.get('last-event-id')).toBe(`${EPOCH}:1`);
    await request.answer();
    await request.event('patch', patch(1, 7, { ...OFF, b: null, c: booleanFlag() }));
    expect([value(), changes]).toEqual([false, [['a', 'b', 'c']]]);
  });

  test.each([
    ['a revision is missing', 'patch', patch(2, 3, OFF)],
    ['an event cannot be read', 'patch', { ...patch(1, 2, OFF), revision: 'two' }],
    ['a flag list is missing', 'patch', { ...patch(1, 2), flags: undefined }],
  ])('cannot stay missed: when %s everything is fetched anew', async (_name, type, payload) => {
    await connected();
    await runtime.lastRequest.event(type, payload);
    expect(value()).toBe(true);
    const request = await reconnected();
    expect(request.headers.get('last-event-id')).toBeNull();
    await request.answer();
    await request.event('put', put(3, OFF));
    expect([value(), client?.error]).toEqual([false, undefined]);
  });

  test('that delete a flag delete it, though everything is fetched anew', async () => {
    await connected(put(1, { ...ON, b: booleanFlag() }));
    await runtime.lastRequest.event('patch', patch(5, 6));
    const request = await reconnected();
    await request.answer();
    await request.event('put', put(6, ON));
    expect(client?.booleanDetails('b', {}, true).errorCode).toBe('FLAG_NOT_FOUND');
  });

  test('that leave no flag at all leave none', async () => {
    await connected();
    await runtime.lastRequest.event('patch', patch(5, 6));
    const request = await reconnected();
    await request.answer();
    await request.event('put', put(6));
    expect(Object.keys(client?.evaluateAll({}) ?? { none: 0 })).toEqual([]);
  });
});

describe('a newer bootstrap overwritten by older data', () => {
  const bootstrap = put(10, ON) as unknown as RulesetJson;

  test.each(['stream', 'poll'] as const)('cannot be: what a %s answers is older', async (mode) => {
    const connecting = connect({ bootstrap, mode });
    if (mode === 'stream') {
      await runtime.lastRequest.answer();
      await runtime.lastRequest.event('put', put(9, OFF));
    } else {
      const json = { 'content-type': 'application/json' };
      await runtime.lastRequest.answerWhole(200, json, JSON.stringify(put(9, OFF)));
    }
    client = await connecting;
    expect([value(), client.position?.revision]).toEqual([true, 10]);
  });
});

describe('leaks from repeated clients', () => {
  test('a thousand clients leave no connection, no timer and no handle', async () => {
    const open = new Set<IncomingMessage['socket']>();
    const server = createServer((request: IncomingMessage, response: ServerResponse) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(`event: put\ndata: ${JSON.stringify(put(1, ON))}\n\n`);
      open.add(request.socket);
      request.socket.on('close', () => open.delete(request.socket));
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const timers = new Set<unknown>();
    const counted = {
      setTimeout: (callback: () => void, delayMs: number): unknown => {
        const timer = setTimeout(callback, delayMs);
        timers.add(timer);
        return timer;
      },
      clearTimeout: (timer: unknown): void => {
        timers.delete(timer);
        clearTimeout(timer as NodeJS.Timeout);
      },
    };
    for (let round = 0; round < 50; round += 1) {
      const made = await Promise.all(
        Array.from({ length: 20 }, () =>
          createClient({ url, key: 'k', logger: SILENT, usage: false, runtime: counted }),
        ),
      );
      expect(made.every((one) => one.boolean('a', {}, false))).toBe(true);
      await Promise.all(made.map((one) => one.close()));
      expect(timers.size).toBe(0);
    }
    await until('the server has no connection', () => open.size === 0);
    const closed = once(server, 'close');
    server.close();
    await closed;
  });

  test('a client for every request is told to be one for all', async () => {
    const logged: string[] = [];
    const logger = { ...SILENT, warn: (message: string) => logged.push(message) };
    const clients = await Promise.all(
      Array.from({ length: 30 }, () => createClient({ source: staticSource({ flags: {} }), logger })),
    );
    expect(logged).toEqual([]);
    const connecting = Array.from({ length: 30 }, () => connect({ logger, timeoutMs: 0 }));
    await runtime.advance(0);
    clients.push(...(await Promise.all(connecting)));
    expect(logged.filter((line) => line.includes('10 clients'))).toHaveLength(1);
    expect(logged.join()).not.toContain('fauna_sk_x');
    await Promise.all(clients.map((one) => one.close()));
  });

  test('clients that are closed in time are not many, however many there were', async () => {
    const logged: string[] = [];
    const logger = { ...SILENT, warn: (message: string) => logged.push(message) };
    const open = async (count: number): Promise<FaunaClient[]> => {
      const connecting = Array.from({ length: count }, () => connect({ logger, timeoutMs: 0 }));
      await runtime.advance(0);
      return Promise.all(connecting);
    };
    const clients = await open(1);
    for (let round = 0; round < 30; round += 1) {
      const [passing] = await open(1);
      // Twice is once.
      await Promise.all([passing?.close(), passing?.close()]);
    }
    expect(logged.filter((line) => line.includes('clients'))).toEqual([]);
    clients.push(...(await open(9)));
    expect(logged.filter((line) => line.includes('10 clients'))).toHaveLength(1);
    await Promise.all(clients.map((one) => one.close()));
  });
});
