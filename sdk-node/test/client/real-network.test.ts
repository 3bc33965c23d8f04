/** The client over real sockets, against a server that can misbehave. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Transform } from 'node:stream';
import { constants, createBrotliCompress, createDeflate, createGzip } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createClient } from '../../src/index.ts';
import type { BridgeOptions, FaunaClient, FaunaError, Logger } from '../../src/index.ts';
import { booleanFlag, patch, put } from '../support/rulesets.ts';

const SILENT: Logger = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** Does not wait for a second attempt. */
const BRIEFLY = { timeoutMs: 300, runtime: {} };

let handle: (request: IncomingMessage, response: ServerResponse) => void;
let client: FaunaClient;

const server = createServer((request, response) => {
  handle(request, response);
});

beforeEach(async () => {
  await once(server.listen(0, '127.0.0.1'), 'listening');
});

afterEach(async () => {
  await client.close();
  const closed = once(server, 'close');
  server.close();
  await closed;
});

function connect(options: Partial<BridgeOptions> = {}): Promise<FaunaClient> {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  // Without waiting between attempts, as if the server had wished so.
  const setTimeoutNow = (callback: () => void, delayMs: number): unknown =>
    setTimeout(callback, delayMs <= 1000 ? 0 : delayMs);
  const runtime = { setTimeout: setTimeoutNow };
  return createClient({ url, key: 'fauna_sk_x', logger: SILENT, usage: false, runtime, ...options });
}

/** Why the client is not connected: a slow machine may learn it after `timeoutMs`. */
async function failure(): Promise<FaunaError> {
  return client.error ?? new Promise((resolve) => client.on('error', resolve));
}

function stream(response: ServerResponse): ServerResponse {
  return response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
}

const event = (type: string, data: unknown): string => `event: ${type}\ndata: ${JSON.stringify(data)}\n\n`;

test('a put of several megabytes arrives whole', async () => {
  const flags = Object.fromEntries(
    Array.from({ length: 5000 }, (_, index) => [`flag-${index}`, booleanFlag({ salt: 'ä'.repeat(300) })]),
  );
  handle = (_request, response) => stream(response).write(event('put', put(1, flags)));
  client = await connect();
  expect(Object.keys(client.evaluateAll({}))).toHaveLength(5000);
});

test('a connection cut in the middle of an event is resumed from what was applied', async () => {
  const resumed = new Promise<string | undefined>((resolve) => {
    handle = (request, response) => {
      if (request.headers['last-event-id'] !== undefined) {
        resolve(String(request.headers['last-event-id']));
        stream(response).write(event('patch', patch(1, 2, { a: null })));
        return;
      }
      stream(response).write(event('put', put(1, { a: booleanFlag() })));
      response.write('event: patch\ndata: {"environment":', () => response.socket?.resetAndDestroy());
    };
  });
  client = await connect();
  const changed = new Promise((resolve) => client.on('change', resolve));
  expect(await resumed).toMatch(/:1$/);
  await changed;
  expect(client.booleanDetails('a', {}, true).errorCode).toBe('FLAG_NOT_FOUND');
});

test('close() ends the connection', async () => {
  const gone = new Promise((resolve) => {
    handle = (request, response) => {
      request.socket.on('close', resolve);
      stream(response).write(event('put', put(1)));
    };
  });
  client = await connect();
  await client.close();
  await gone;
});

test('a poll leaves no idle connection', async () => {
  server.keepAliveTimeout = 60_000;
  const closed = new Promise((resolve) => server.once('connection', (socket) => socket.on('close', resolve)));
  handle = (_request, response) =>
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(put(1)));
  client = await connect({ mode: 'poll' });
  await closed;
  expect(client.status).toBe('ready');
});

test.each([
  ['gzip', (): Transform => createGzip({ flush: constants.Z_SYNC_FLUSH })],
  ['deflate', (): Transform => createDeflate({ flush: constants.Z_SYNC_FLUSH })],
  ['br', (): Transform => createBrotliCompress({ flush: constants.BROTLI_OPERATION_FLUSH })],
])('a stream compressed with %s is read as it comes', async (encoding, compressor) => {
  const compressed = compressor();
  handle = (request, response) => {
    expect(request.headers['accept-encoding']).toContain(encoding);
    response.writeHead(200, { 'content-type': 'text/event-stream', 'content-encoding': encoding });
    compressed.pipe(response);
    compressed.write(event('put', put(1, { a: booleanFlag() })));
  };
  client = await connect();
  expect(client.boolean('a', {}, false)).toBe(true);
  const changed = new Promise((resolve) => client.on('change', resolve));
  compressed.write(event('patch', patch(1, 2, { a: null })));
  await changed;
});

test('a compressed stream that is cut is resumed', async () => {
  let connections = 0;
  handle = (_request, response) => {
    connections += 1;
    response.writeHead(200, { 'content-type': 'text/event-stream', 'content-encoding': 'gzip' });
    const gzip = createGzip({ flush: constants.Z_SYNC_FLUSH });
    gzip.pipe(response);
    if (connections > 1) gzip.write(event('patch', patch(1, 2, { a: null })));
    else gzip.write(event('put', put(1)), () => setTimeout(() => response.socket?.resetAndDestroy(), 20));
  };
  client = await connect();
  await new Promise((resolve) => client.on('change', resolve));
  expect([client.position?.revision, connections]).toEqual([2, 2]);
});

test('an encoding that nobody asked for is an error that says so', async () => {
  handle = (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'content-encoding': 'zstd' }).write('x');
  };
  client = await connect(BRIEFLY);
  expect((await failure()).message).toMatch(/content encoding zstd, which was not asked for/);
});

test('a redirect is not followed: its address is in the error', async () => {
  handle = (_request, response) =>
    response.writeHead(308, { location: 'https://flags.example.com/v1/stream' }).end();
  client = await connect(BRIEFLY);
  const error = await failure();
  expect([error.code, error.status]).toEqual(['BAD_RESPONSE', 308]);
  expect(error.message).toMatch(/redirects to https:\/\/flags\.example\.com/);
});

test.each(['127.0.0.1', 'localhost'])('an address of %s where nobody listens is named', async (host) => {
  const unused = createServer();
  await once(unused.listen(0, '127.0.0.1'), 'listening');
  const { port } = unused.address() as AddressInfo;
  unused.close();
  client = await connect({ ...BRIEFLY, url: `http://${host}:${port}` });
  const error = await failure();
  expect([error.code, error.message]).toEqual(['DISCONNECTED', 'the connection failed: ECONNREFUSED']);
});
