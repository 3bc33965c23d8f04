/** The command as it is called, against files and a server that says what a test wants. */
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { generate } from '../../src/cli/generate.ts';

let folder: string;
let output: string[];
let errors: string[];
let handle: (request: IncomingMessage, response: ServerResponse) => void;

const server = createServer((request, response) => {
  handle(request, response);
});

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'fauna-generate-'));
  output = [];
  errors = [];
  await once(server.listen(0, '127.0.0.1'), 'listening');
});

afterEach(async () => {
  rmSync(folder, { recursive: true });
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
});

function run(args: readonly string[], env: Record<string, string> = {}): Promise<number> {
  const terminal = {
    env,
    out: (line: string) => void output.push(line),
    err: (line: string) => void errors.push(line),
  };
  return generate(args, terminal);
}

const inFolder = (name: string): string => join(folder, name);
const bridgeUrl = (): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

function manifestFile(flags: unknown): string {
  const path = inFolder('flags.json');
  writeFileSync(path, JSON.stringify({ flags }));
  return path;
}

test('a bridge is asked for its manifest with the key', async () => {
  let asked: unknown;
  handle = (request, response) => {
    asked = [request.method, request.url, request.headers.authorization];
    response.end('{"flags":[{"key":"checkout","type":"boolean","defaultValue":false}]}');
  };
  const out = inFolder('flags.d.ts');
  const env = { FAUNA_URL: `${bridgeUrl()}/`, FAUNA_SERVER_KEY: 'fauna_sk_x' };
  expect(await run(['generate', '--out', out], env)).toBe(0);
  expect(asked).toEqual(['GET', '/openfeature/v0/manifest', 'Bearer fauna_sk_x']);
  expect(readFileSync(out, 'utf8')).toContain('    checkout: boolean;\n');
  expect(output).toEqual([`${out}: 1 flags`]);
});

test('both forms of a manifest give the same file', async () => {
  const list = [
    { key: 'a', type: 'boolean', defaultValue: false },
    { key: 'b', type: 'integer', defaultValue: 1 },
    { key: 'c', type: 'float', defaultValue: 1.5 },
    { key: 'd', type: 'object', defaultValue: {} },
    { key: 'e', type: 'string', defaultValue: '' },
  ];
  const object = Object.fromEntries(list.map(({ key, type }) => [key, { flagType: type }]));
  const texts: string[] = [];
  for (const flags of [list, object]) {
    const out = inFolder('flags.d.ts');
    expect(await run(['generate', '--manifest', manifestFile(flags), '--out', out])).toBe(0);
    texts.push(readFileSync(out, 'utf8'));
  }
  expect(texts[0]).toContain(
    '    a: boolean;\n    b: number;\n    c: number;\n    d: JsonValue;\n    e: string;\n',
  );
  expect(texts[1]).toBe(texts[0]);
});

test('--check writes nothing, and says whether the file is what would be written', async () => {
  const out = inFolder('flags.d.ts');
  const one = [{ key: 'a', type: 'boolean' }];
  const check = ['generate', '--manifest', manifestFile(one), '--out', out, '--check'];
  expect(await run(check)).toBe(1);
  expect(errors).toEqual([`${out} does not exist: run fauna-flags generate`]);
  expect(await run(check.slice(0, -1))).toBe(0);
  expect(await run(check)).toBe(0);
  manifestFile([...one, { key: 'b', type: 'boolean' }]);
  const before = readFileSync(out, 'utf8');
  expect(await run(check)).toBe(1);
  expect(errors.at(-1)).toBe(`${out} is out of date: run fauna-flags generate`);
  expect(readFileSync(out, 'utf8')).toBe(before);
});

test('a file that is up to date is not touched', async () => {
  const out = inFolder('flags.d.ts');
  const args = ['generate', '--manifest', manifestFile([]), '--out', out];
  await run(args);
  const { mtimeNs } = statSync(out, { bigint: true });
  await run(args);
  expect(statSync(out, { bigint: true }).mtimeNs).toBe(mtimeNs);
  expect(output.at(-1)).toBe(`${out} is up to date: 0 flags`);
});

test.each([
  ['a refused key', 401, '', 'refuses the key'],
  ['an error', 503, '', 'answered 503'],
  ['a redirect, which would take the key elsewhere', 302, '', 'answered 302'],
  ['a page', 200, '<html>', 'is no flag manifest'],
  ['another JSON', 200, '{"flags":1}', 'is no flag manifest'],
  ['a flag without a key', 200, '{"flags":[{"type":"boolean"}]}', 'has a flag without a key'],
  ['a type to come', 200, '{"flags":[{"key":"a","type":"color"}]}', 'has no known type for the flag a'],
])('%s is an error in one line, and nothing is written', async (_name, status, body, words) => {
  handle = (_request, response) => response.writeHead(status, { location: '/' }).end(body);
  const out = inFolder('flags.d.ts');
  expect(await run(['generate', '--url', bridgeUrl(), '--key', 'k', '--out', out])).toBe(2);
  expect(errors).toEqual([expect.stringContaining(words)]);
  expect(errors[0]).not.toContain('\n');
  expect(() => statSync(out)).toThrow('ENOENT');
});

test('a bridge that cannot be reached is named with the reason', async () => {
  expect(await run(['generate', '--url', 'http://127.0.0.1:1', '--key', 'k'])).toBe(2);
  expect(errors[0]).toMatch(
    /^fauna-flags: http:\/\/127\.0\.0\.1:1\/openfeature\/v0\/manifest cannot be reached: .+/,
  );
});

test('a connection that breaks in the middle of the manifest is not taken for a file out of date', async () => {
  handle = (_request, response) => {
    response.writeHead(200, { 'content-length': '1000' });
    response.write('{"flags":[', () => response.socket?.destroy());
  };
  const out = inFolder('flags.d.ts');
  expect(await run(['generate', '--url', bridgeUrl(), '--key', 'k', '--out', out, '--check'])).toBe(2);
  expect(errors).toEqual([expect.stringMatching(/^fauna-flags: http:.+ cannot be reached: .+$/)]);
});

test('an error that nobody thought of is its message and exit code 2', async () => {
  const terminal = {
    env: {},
    out: () => {
      throw new Error('the terminal is gone');
    },
    err: (line: string) => void errors.push(line),
  };
  expect(await generate(['--help'], terminal)).toBe(2);
  expect(errors).toEqual(['fauna-flags: the terminal is gone']);
});

test('files that cannot be read or written are errors', async () => {
  expect(await run(['generate', '--manifest', inFolder('none.json')])).toBe(2);
  expect(await run(['generate', '--manifest', manifestFile([]), '--out', folder])).toBe(2);
  expect(await run(['generate', '--manifest', manifestFile([]), '--out', inFolder('no/where.d.ts')])).toBe(2);
  expect(errors.map((line) => /cannot be (read|written)/.exec(line)?.[1])).toEqual([
    'read',
    'read',
    'written',
  ]);
});

test.each([
  ['no command', []],
  ['an unknown command', ['generat']],
  ['an unknown option', ['generate', '--colour']],
  ['no bridge', ['generate', '--key', 'k']],
  ['no address', ['generate', '--url', 'here', '--key', 'k']],
  ['no key', ['generate', '--url', 'http://127.0.0.1:1']],
  ['two places to read', ['generate', '--url', 'http://127.0.0.1:1', '--manifest', 'flags.json']],
])('%s is answered with how to use it', async (_name, args) => {
  expect(await run(args)).toBe(2);
  expect(errors[0]).toMatch(/^fauna-flags: .+\n\nUsage: fauna-flags generate/);
});

test('--help explains and is no error', async () => {
  expect(await run(['--help'])).toBe(0);
  expect(output[0]).toMatch(/^Usage: fauna-flags generate/);
});
