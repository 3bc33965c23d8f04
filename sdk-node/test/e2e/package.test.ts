/** The package as it is built: both module systems, and a process that is free to end after `close()`. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { booleanFlag, put } from '../support/rulesets.ts';
import { collect } from './support/process.ts';

const FOLDER = fileURLToPath(new URL('../..', import.meta.url));
/** A connection or a timer that is left behind would keep the process for longer than this. */
const EXIT_WITHIN_MS = 3000;

const server = createServer((_request, response) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.write(`event: put\ndata: ${JSON.stringify(put(1, { a: booleanFlag() }))}\n\n`);
});

beforeAll(async () => {
  await once(server.listen(0, '127.0.0.1'), 'listening');
});

afterAll(() => server.close());

const USE = `async (createClient) => {
  const fauna = await createClient({ url: process.argv[1], key: 'fauna_sk_x' });
  const value = fauna.boolean('a', {}, false);
  await fauna.close();
  console.log(value, Date.now());
}`;

test.each([
  [
    'import',
    [
      '--input-type=module',
      '-e',
      `import { createClient } from '@fauna-flags/node'; await (${USE})(createClient);`,
    ],
  ],
  ['require', ['-e', `void (${USE})(require('@fauna-flags/node').createClient);`]],
])('%s gives a client that lets the process end after close()', async (_name, args) => {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const child = spawn(process.execPath, [...args, url], { cwd: FOLDER, stdio: ['ignore', 'pipe', 'pipe'] });
  const [output, errors] = [collect(child.stdout), collect(child.stderr)];
  const [code] = (await once(child, 'close')) as [number];
  expect([code, errors.join('')]).toEqual([0, '']);
  const [value, closedAt] = output.join('').split(' ');
  expect(value).toBe('true');
  expect(Date.now() - Number(closedAt)).toBeLessThan(EXIT_WITHIN_MS);
});
