/** Hooks: told of what an accessor gave, and harmless. */
import { beforeEach, expect, test } from 'vitest';
import { createClient } from '../../src/index.ts';
import type { EvaluationContext, EvaluationDetails, FaunaClient, Hook, JsonValue } from '../../src/index.ts';
import { FakeRuntime, flush } from '../support/fake-runtime.ts';
import { booleanFlag, put } from '../support/rulesets.ts';

const FLAGS = {
  checkout: booleanFlag(),
  theme: { ...booleanFlag(), kind: 'string', variants: { on: 'dark', off: 'light' } },
  limit: { ...booleanFlag(), kind: 'number', variants: { on: 2.5, off: 0 } },
  layout: { ...booleanFlag(), kind: 'json', variants: { on: { columns: 2 }, off: {} } },
};

let seen: [EvaluationDetails<JsonValue>, EvaluationContext][];
let log: string[];
let recording: Hook;

beforeEach(() => {
  seen = [];
  log = [];
  recording = {
    afterEvaluation: (details, context) => {
      seen.push([details, context]);
    },
  };
});

async function clientWith(...hooks: Hook[]): Promise<FaunaClient> {
  const runtime = new FakeRuntime();
  const write = (message: string): number => log.push(message);
  const made = createClient({
    url: 'http://bridge',
    key: 'fauna_sk_x',
    logger: { info: write, warn: write, error: write },
    usage: false,
    hooks,
    runtime,
  });
  await flush();
  await runtime.lastRequest.answer();
  await runtime.lastRequest.event('put', put(3, FLAGS));
  return made;
}

test('a hook is told the details and the context of what every accessor gave', async () => {
  const client = await clientWith(recording);
  const context = { targetingKey: 'user-1' };
  expect(client.boolean('checkout', context, false)).toBe(true);
  expect(client.string('theme', context, '')).toBe('dark');
  expect(client.number('limit', context, 0)).toBe(2.5);
  expect(client.json('layout', context, {})).toEqual({ columns: 2 });
  expect(seen.map(([details]) => [details.flagKey, details.value, details.variant, details.reason])).toEqual([
    ['checkout', true, 'on', 'STATIC'],
    ['theme', 'dark', 'on', 'STATIC'],
    ['limit', 2.5, 'on', 'STATIC'],
    ['layout', { columns: 2 }, 'on', 'STATIC'],
  ]);
  expect(seen.every(([, about]) => about === context)).toBe(true);
  expect(seen[0]?.[0].flagMetadata).toMatchObject({ version: 3, flagSetId: 'production' });
});

test('a hook is told once of an evaluation with details', async () => {
  const client = await clientWith(recording);
  client.booleanDetails('checkout', {}, false);
  client.stringDetails('theme', {}, '');
  client.numberDetails('limit', {}, 0);
  client.jsonDetails('layout', {}, {});
  expect(seen.map(([{ flagKey }]) => flagKey)).toEqual(['checkout', 'theme', 'limit', 'layout']);
});

test('a hook is told of a default with the reason for it', async () => {
  const client = await clientWith(recording);
  expect(client.boolean('theme', {}, true)).toBe(true);
  expect(client.string('nothing', {}, 'mine')).toBe('mine');
  expect(seen.map(([{ value, errorCode }]) => [value, errorCode])).toEqual([
    [true, 'TYPE_MISMATCH'],
    ['mine', 'FLAG_NOT_FOUND'],
  ]);
});

test('evaluateAll tells no hook', async () => {
  const client = await clientWith(recording);
  client.evaluateAll({});
  expect(seen).toEqual([]);
});

test('hooks are called in the order they were added, until they are removed', async () => {
  const order: string[] = [];
  const named = (name: string): Hook => ({ afterEvaluation: () => void order.push(name) });
  const client = await clientWith(named('a'));
  const remove = client.addHook(named('b'));
  client.addHook(named('c'));
  client.boolean('checkout', {}, false);
  remove();
  remove();
  client.boolean('checkout', {}, false);
  expect(order).toEqual(['a', 'b', 'c', 'a', 'c']);
});

test('a hook that throws or rejects changes nothing for the caller and the other hooks, and is logged once', async () => {
  const throwing: Hook = {
    afterEvaluation: () => {
      throw new Error('analytics is down');
    },
  };
  const rejecting = {
    afterEvaluation: () => Promise.reject(new Error('so is the queue')),
  } as unknown as Hook;
  const client = await clientWith(throwing, rejecting, recording);
  for (let round = 0; round < 3; round += 1) expect(client.boolean('checkout', {}, false)).toBe(true);
  await flush();
  expect(seen).toHaveLength(3);
  expect(log).toEqual([
    'a hook threw, which is said once: analytics is down',
    'a hook threw, which is said once: so is the queue',
  ]);
});

test('what is no hook is refused', async () => {
  const client = await clientWith();
  expect(() => client.addHook({} as Hook)).toThrow('a hook must have the function afterEvaluation');
  expect(() => client.addHook(null as unknown as Hook)).toThrow(TypeError);
  const options = { url: 'http://bridge', key: 'k', runtime: new FakeRuntime() };
  await expect(createClient({ ...options, hooks: [{} as Hook] })).rejects.toThrow('a hook must have');
  await expect(createClient({ ...options, hooks: {} as Hook[] })).rejects.toThrow('must be an array');
  expect(options.runtime.requests).toHaveLength(0);
});
