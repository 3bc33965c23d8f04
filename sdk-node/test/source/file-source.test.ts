/** A file as the source, on a real file system. */
import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startClient } from '../../src/client/create-client.ts';
import { createClient, fileSource } from '../../src/index.ts';
import type { FaunaClient, FaunaError, Logger } from '../../src/index.ts';
import { until } from '../e2e/support/until.ts';
import { FakeRuntime } from '../support/fake-runtime.ts';
import { booleanFlag, put } from '../support/rulesets.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** Longer than a test may take: what is noticed in it was noticed by watching. */
const NEVER_MS = 600_000;

const inFolder = temporaryFolder();
let client: FaunaClient | undefined;
let logged: string[];
let errors: FaunaError[];
let changes: (readonly string[])[];
/** How often the file was about to be looked at again. */
let waits: number;

beforeEach(() => {
  client = undefined;
  logged = [];
  errors = [];
  changes = [];
  waits = 0;
});

afterEach(() => client?.close());

const logger: Logger = {
  info: (message) => logged.push(`info ${message}`),
  warn: (message) => logged.push(`warn ${message}`),
  error: (message) => logged.push(`error ${message}`),
};

async function follow(path: string | URL, checkIntervalMs = NEVER_MS): Promise<FaunaClient> {
  client = await createClient({
    source: fileSource(path, { checkIntervalMs }),
    logger,
    timeoutMs: 20_000,
    staleAfterMs: 0,
    runtime: {
      setTimeout: (callback, delayMs) => {
        if (delayMs === checkIntervalMs) waits += 1;
        return setTimeout(callback, delayMs);
      },
    },
  });
  client.on('error', (error) => errors.push(error));
  client.on('change', ({ keys }) => changes.push(keys));
  return client;
}

/** Replaces the file by rename: nobody can look between its end and its beginning. */
async function replace(text: string): Promise<void> {
  await writeFile(inFolder('new.json'), text);
  await rename(inFolder('new.json'), inFolder('flags.json'));
}

const rulesetOf = (isOn: boolean): string => JSON.stringify({ flags: { a: booleanFlag({ enabled: isOn }) } });

const isOn = (): boolean | undefined => client?.boolean('a', {}, false);

test('a file gives a ready client without url, key or network', async () => {
  await writeFile(inFolder('flags.json'), JSON.stringify(put(7, { a: booleanFlag() })));
  const made = await follow(inFolder('flags.json'));
  expect([made.status, made.position?.revision, isOn()]).toEqual(['ready', 7, true]);
});

test('a file: URL is a path, too', async () => {
  await writeFile(inFolder('flags.json'), rulesetOf(true));
  await follow(pathToFileURL(inFolder('flags.json')));
  expect(isOn()).toBe(true);
});

test('a file that is written to in place is read again', async () => {
  await writeFile(inFolder('flags.json'), rulesetOf(false));
  await follow(inFolder('flags.json'));
  await writeFile(inFolder('flags.json'), rulesetOf(true));
  await until('the flag is on', isOn);
  expect([changes, client?.position?.revision]).toEqual([[['a']], 2]);
});

test('a file that is replaced by rename is read again, time after time', async () => {
  await writeFile(inFolder('flags.json'), rulesetOf(false));
  await follow(inFolder('flags.json'));
  for (const wanted of [true, false, true]) {
    await replace(rulesetOf(wanted));
    await until('the flag follows', () => isOn() === wanted);
  }
});

test('a folder of links that is swapped, as Kubernetes does it, is noticed', async () => {
  for (const [version, wanted] of [
    ['v1', false],
    ['v2', true],
  ] as const) {
    await mkdir(inFolder(version));
    await writeFile(inFolder(version, 'flags.json'), rulesetOf(wanted));
  }
  await symlink('v1', inFolder('..data'));
  await symlink('..data/flags.json', inFolder('flags.json'));
  await follow(inFolder('flags.json'));
  await symlink('v2', inFolder('..data_tmp'));
  await rename(inFolder('..data_tmp'), inFolder('..data'));
  await until('the flag is on', isOn);
});

test('what watching does not see is found at the next interval', async () => {
  await mkdir(inFolder('elsewhere'));
  await writeFile(inFolder('elsewhere', 'flags.json'), rulesetOf(false));
  await symlink('elsewhere/flags.json', inFolder('flags.json'));
  await follow(inFolder('flags.json'), 100);
  await writeFile(inFolder('elsewhere', 'flags.json'), rulesetOf(true));
  await until('the flag is on', isOn);
});

test('broken content keeps the last good values, and says so once until it is mended', async () => {
  await writeFile(inFolder('flags.json'), rulesetOf(true));
  const made = await follow(inFolder('flags.json'), 100);
  await replace('{"flags": ');
  await until('the error is told', () => errors.length > 0);
  expect([errors[0]?.code, isOn()]).toEqual(['FILE', true]);
  expect(errors[0]?.message).toMatch(/flags\.json is no ruleset: /);
  await until('the client says that it may be behind', () => made.status === 'stale');
  await replace('[]');
  await until('the next kind of error is told', () => errors.length > 1);
  expect(errors[1]?.message).toMatch(/ruleset: not an object/);

  // The same as before it was broken.
  await replace(rulesetOf(true));
  await until('the client is ready again', () => made.status === 'ready');
  expect([errors.length, changes, made.error]).toEqual([2, [], undefined]);
});

test('a file that is not there is an error at once, and is read when it comes', async () => {
  const made = await follow(inFolder('flags.json'));
  expect([made.status, made.error?.code]).toEqual(['initializing', 'FILE']);
  expect(made.error?.message).toMatch(/flags\.json cannot be read: ENOENT/);
  await writeFile(inFolder('flags.json'), rulesetOf(true));
  await until('the flag is on', isOn);
  expect(made.status).toBe('ready');
});

test('a file that is removed keeps its last values', async () => {
  await writeFile(inFolder('flags.json'), rulesetOf(true));
  await follow(inFolder('flags.json'));
  await rm(inFolder('flags.json'));
  await until('the error is told', () => errors.length > 0);
  expect([isOn(), errors[0]?.code]).toEqual([true, 'FILE']);
});

test('a folder that does not exist yet cannot be watched, which is said once, and is looked at', async () => {
  await follow(inFolder('later', 'flags.json'), 100);
  const looks = waits;
  await until('it was looked at several times', () => waits > looks + 3);
  expect(logged.filter((line) => line.includes('cannot be watched (ENOENT)'))).toHaveLength(1);
  // That there is no file was told before anybody listened, and not at every look.
  expect(errors).toEqual([]);
  await mkdir(inFolder('later'));
  await writeFile(inFolder('later', 'flags.json'), rulesetOf(true));
  await until('the flag is on', isOn);
});

test('a file that is only touched is no change', async () => {
  await writeFile(inFolder('flags.json'), rulesetOf(true));
  await follow(inFolder('flags.json'));
  await writeFile(inFolder('flags.json'), rulesetOf(true));
  await writeFile(inFolder('flags.json'), rulesetOf(false));
  await until('the flag is off', () => isOn() === false);
  expect(changes).toEqual([['a']]);
});

test('an older revision applies: the file is the word of whoever writes it', async () => {
  await writeFile(inFolder('flags.json'), JSON.stringify(put(7, { a: booleanFlag() })));
  await follow(inFolder('flags.json'));
  await writeFile(inFolder('flags.json'), JSON.stringify(put(3)));
  await until('the flag is gone', () => client?.position?.revision === 3);
});

test('close leaves no timer, wherever a look at the file is', async () => {
  const runtime = new FakeRuntime();
  await writeFile(inFolder('flags.json'), rulesetOf(true));
  const source = fileSource(inFolder('flags.json'));
  for (let turns = 0; turns < 10; turns += 1) {
    const { client: made, settled } = startClient({ source, runtime, logger });
    for (let turn = 0; turn < turns; turn += 1) await setImmediate();
    await made.close();
    await settled;
    expect(runtime.timerCount).toBe(0);
  }
});

test.each([
  ['an empty path', ''],
  ['a number', 7],
  ['a URL of the network', new URL('https://example.com/flags.json')],
])('%s is a TypeError', (_name, path) => {
  expect(() => fileSource(path as string)).toThrow('the path of a file source');
});

test('an interval too short is a TypeError', () => {
  expect(() => fileSource('flags.json', { checkIntervalMs: 1 })).toThrow('checkIntervalMs');
});
