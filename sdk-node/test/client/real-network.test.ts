/** The client over real sockets and the real `fetch`, against a server that can misbehave. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createClient } from '../../src/index.ts';
import type { FaunaClient, Logger } from '../../src/index.ts';
import { booleanFlag, patch, put } from '../support/rulesets.ts';

const SILENT: Logger = { info: () => undefined, warn: () => undefined, error: () => undefined };

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

function connect(): Promise<FaunaClient> {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  // Without waiting between attempts, as if the server had wished so.
  const setTimeoutNow = (callback: () => void, delayMs: number): unknown =>
    setTimeout(callback, delayMs <= 1000 ? 0 : delayMs);
  return createClient({ url, key: 'fauna_sk_x', logger: SILENT, runtime: { setTimeout: setTimeoutNow } });
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

test('a compressed stream is read as well', async () => {
  const { createGzip, constants } = await import('node:zlib');
  handle = (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'content-encoding': 'gzip' });
    const gzip = createGzip({ flush: constants.Z_SYNC_FLUSH });
    gzip.pipe(response);
    gzip.write(event('put', put(1, { a: booleanFlag() })));
  };
  client = await connect();
  expect(client.boolean('a', {}, false)).toBe(true);
});
