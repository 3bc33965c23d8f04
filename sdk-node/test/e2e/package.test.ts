/** The package as it is built: both module systems, and a process that is free to end after `close()`. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { booleanFlag, put } from '../support/rulesets.ts';
import { collect } from './support/process.ts';

const FOLDER = fileURLToPath(new URL('../..', import.meta.url));
/** A connection or a timer that is left behind would keep the process for longer than this. */
const EXIT_WITHIN_MS = 3000;

const reports: string[] = [];

const server = createServer((request, response) => {
  if (request.method === 'POST') {
    request.setEncoding('utf8').on('data', (piece: string) => reports.push(piece));
    response.writeHead(204).end();
    return;
  }
  if (request.url === '/v1/ruleset') {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(put(1, { a: booleanFlag() })));
    return;
  }
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.write(`event: put\ndata: ${JSON.stringify(put(1, { a: booleanFlag() }))}\n\n`);
});

beforeAll(async () => {
  await once(server.listen(0, '127.0.0.1'), 'listening');
});

afterAll(() => server.close());

/** A program that uses a client made with these options, closes it, and says when it did. */
const use = (options: string): string => `async ({ createClient, fileSource }) => {
  const url = process.argv[1];
  const fauna = await createClient(${options});
  const value = fauna.boolean('a', {}, false);
  await fauna.close();
  console.log(value, Date.now());
}`;

const STREAM = `{ url, key: 'fauna_sk_x' }`;
const asModule = (options: string): string[] => [
  '--input-type=module',
  '-e',
  `import * as sdk from '@fauna-flags/node'; await (${use(options)})(sdk);`,
];
const asScript = (options: string): string[] => [
  '-e',
  `void (${use(options)})(require('@fauna-flags/node'));`,
];

const folder = mkdtempSync(join(tmpdir(), 'fauna-e2e-package-'));
const file = join(folder, 'flags.json');
writeFileSync(file, JSON.stringify(put(1, { a: booleanFlag() })));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

test.each([
  ['import', asModule(STREAM)],
  ['require', asScript(STREAM)],
  ['a poll', asModule(`{ url, key: 'fauna_sk_x', mode: 'poll' }`)],
  ['a cache', asModule(`{ url, key: 'fauna_sk_x', cacheDir: ${JSON.stringify(join(folder, 'cache'))} }`)],
  ['a file', asModule(`{ source: fileSource(${JSON.stringify(file)}) }`)],
])('%s gives a client that lets the process end after close()', async (name, args) => {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const child = spawn(process.execPath, [...args, url], { cwd: FOLDER, stdio: ['ignore', 'pipe', 'pipe'] });
  const [output, errors] = [collect(child.stdout), collect(child.stderr)];
  const [code] = (await once(child, 'close')) as [number];
  expect([code, errors.join('')]).toEqual([0, '']);
  const [value, closedAt] = output.join('').split(' ');
  expect(value).toBe('true');
  expect(Date.now() - Number(closedAt)).toBeLessThan(EXIT_WITHIN_MS);
  const report = '{"counts":[{"flag":"a","variant":"on","evaluations":1}]}';
  expect(reports.splice(0).join('')).toBe(name === 'a file' ? '' : report);
});
