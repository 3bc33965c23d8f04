/** Memory is flat over evaluations, updates and clients: measured in a process of its own, after collecting garbage. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { booleanFlag, patch, put } from '../support/rulesets.ts';
import { collect } from './support/process.ts';
import { until } from './support/until.ts';

const SCRIPT = fileURLToPath(new URL('memory/measure.js', import.meta.url));
const EVALUATIONS = 10_000_000;
const UPDATES = 10_000;
const CLIENTS = 1000;
const FLAGS = 200;
/** What the heap may grow by and count as flat: 40 bytes an update, 1 000 a client (one left behind has 100 000), none an evaluation. */
const FLAT_BYTES = { evaluations: 250_000, updates: 400_000, clients: 1_000_000 };

const flags = Object.fromEntries(
  Array.from({ length: FLAGS }, (_, index) => [`flag-${index}`, booleanFlag()]),
);

const server = createServer((request, response) => {
  if (request.method === 'POST') {
    request.resume().on('end', () => response.writeHead(204).end());
    return;
  }
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.write(event('put', put(0, { ...flags, flag: booleanFlag() })));
  if (request.headers.authorization === 'Bearer updates') void sendUpdates(response);
});

beforeAll(async () => {
  await once(server.listen(0, '127.0.0.1'), 'listening');
});

afterAll(() => server.close());

const event = (type: string, data: unknown): string => `event: ${type}\ndata: ${JSON.stringify(data)}\n\n`;

/** Flags that come, change and go. */
async function sendUpdates(response: ServerResponse): Promise<void> {
  for (let revision = 0; revision < UPDATES * 1.1 && !response.destroyed; revision += 1) {
    const changed = booleanFlag({ enabled: revision % 2 === 0, salt: `salt-${revision}` });
    const update = patch(revision, revision + 1, {
      [`flag-${revision % FLAGS}`]: changed,
      [`passing-${revision}`]: changed,
      [`passing-${revision - 1}`]: null,
    });
    if (!response.write(event('patch', update))) await once(response, 'drain');
  }
}

test('the heap is flat over 10 million evaluations, 10 000 updates and 1 000 clients, and nothing is left open', async () => {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const args = ['--expose-gc', SCRIPT, url, UPDATES, EVALUATIONS, CLIENTS].map(String);
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const [output, errors] = [collect(child.stdout), collect(child.stderr)];
  const [code] = (await once(child, 'close')) as [number];
  expect([code, errors.join('')]).toEqual([0, '']);
  const { grown, resources } = JSON.parse(output.join('')) as {
    readonly grown: Record<keyof typeof FLAT_BYTES, number>;
    readonly resources: readonly string[];
  };
  console.log(`grown by ${JSON.stringify(grown)} bytes`);
  expect(grown.evaluations).toBeLessThan(FLAT_BYTES.evaluations);
  expect(grown.updates).toBeLessThan(FLAT_BYTES.updates);
  expect(grown.clients).toBeLessThan(FLAT_BYTES.clients);
  // Sockets and timers would be of clients.
  expect(resources).toEqual([]);
  await until('the server has no connection', async () => (await connections()) === 0);
}, 180_000);

function connections(): Promise<number> {
  return new Promise((resolve, reject) => {
    server.getConnections((error, count) => {
      if (error === null) resolve(count);
      else reject(error);
    });
  });
}
