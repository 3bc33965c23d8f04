/** Flags that a test sets: what every word of the builder means, and that it is live. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createClient } from '../../src/index.ts';
import type { EvaluationContext, FaunaClient } from '../../src/index.ts';
import { TestData } from '../../src/testing/index.ts';
import { FakeRuntime } from '../support/fake-runtime.ts';
import { audienceOf, booleanFlag, ruleFor } from '../support/rulesets.ts';

const nothing = (): void => undefined;
const SILENT = { info: nothing, warn: nothing, error: nothing };

let td: TestData;
let fauna: FaunaClient;
let runtime: FakeRuntime;

beforeEach(async () => {
  td = new TestData();
  runtime = new FakeRuntime();
  fauna = await createClient({ source: td, runtime, logger: SILENT });
});

afterEach(async () => {
  await fauna.close();
  expect(runtime.timerCount).toBe(0);
});

const USER = { targetingKey: 'user-1', country: 'CA', age: 30 };

const x = (context: EvaluationContext = USER): boolean => fauna.boolean('x', context, false);

test('a client of test data is ready at once, without flags', () => {
  expect([fauna.status, Object.keys(fauna.evaluateAll({}))]).toEqual(['ready', []]);
  expect(fauna.booleanDetails('x', {}, true)).toMatchObject({ value: true, errorCode: 'FLAG_NOT_FOUND' });
});

test('a flag is off until it is on, and every call is live when it returns', () => {
  td.flag('x');
  expect(fauna.booleanDetails('x', {}, true)).toMatchObject({ value: false, reason: 'DISABLED' });
  td.flag('x').on();
  expect(fauna.booleanDetails('x', {}, false)).toMatchObject({ value: true, reason: 'STATIC' });
  td.flag('x').off();
  expect(x()).toBe(false);
});

test('a change tells its flag', () => {
  const changes: unknown[] = [];
  fauna.on('change', ({ keys }) => changes.push(keys));
  td.flag('x').on();
  td.flag('y').off();
  expect(changes).toEqual([['x'], ['x'], ['y'], []]);
});

describe('for an audience', () => {
  test('its members get the flag and nobody else', () => {
    td.audience('canada').where('country', 'in', ['CA']);
    td.flag('x').on().forAudience('canada');
    expect(fauna.booleanDetails('x', USER, false)).toMatchObject({ value: true, reason: 'TARGETING_MATCH' });
    expect([x({ country: 'US' }), x({})]).toEqual([false, false]);
  });

  test('it may be made later, and is empty until then', () => {
    td.flag('x').forAudience('canada');
    expect(fauna.booleanDetails('x', USER, false).errorCode).toBeUndefined();
    td.audience('canada').where('country', 'eq', 'CA');
    expect(x()).toBe(true);
  });

  test('others get what otherwise says, and a second audience its own variant', () => {
    td.audience('canada').where('country', 'eq', 'CA');
    td.audience('old').where('age', 'gte', 65);
    const flag = td.flag('theme').variants({ light: '#fff', dark: '#000', grey: '#888' });
    flag.forAudience('canada', 'dark').forAudience('old', 'grey').otherwise('light');
    const theme = (context: EvaluationContext): string => fauna.string('theme', context, '');
    expect([theme(USER), theme({ age: 70 }), theme({})]).toEqual(['#000', '#888', '#fff']);
  });
});

describe('variants', () => {
  test('the first is served when it is on, the last when it is off', () => {
    td.flag('limit').variants({ small: 10, large: 500 }).on();
    expect(fauna.number('limit', {}, 0)).toBe(10);
    td.flag('limit').off();
    expect(fauna.number('limit', {}, 0)).toBe(500);
    td.flag('limit').variants({ small: 10, large: 500 }, 'small').off();
    expect(fauna.number('limit', {}, 0)).toBe(10);
  });

  test('json values are json', () => {
    td.flag('json')
      .variants({ a: { items: [1] }, b: [2] })
      .on();
    expect(fauna.json('json', {}, null as unknown as { items: number[] })).toEqual({ items: [1] });
  });

  test('of several types, or none, are a TypeError', () => {
    expect(() => td.flag('x').variants({ a: 1, b: 'x' })).toThrow(TypeError);
    expect(() => td.flag('x').variants({})).toThrow(TypeError);
  });

  test('that do not exist are a TypeError that names those that do', () => {
    expect(() => td.flag('x').otherwise('blue')).toThrow('the flag x has no variant blue, only on, off');
    expect(() => td.flag('x').forAudience('a', 'blue')).toThrow(TypeError);
    expect(() => td.flag('x').rollout(10, 'blue')).toThrow(TypeError);
    expect(() => td.flag('x').variants({ a: 1 }, 'blue')).toThrow(TypeError);
  });
});

describe('values', () => {
  test('for a key go before everything else, for texts and numbers', () => {
    td.flag('x').on().valueForKey('user-2', false).valueForKey(7, false);
    expect([x(), x({ targetingKey: 'user-2' }), x({ targetingKey: 7 })]).toEqual([true, false, false]);
    td.audience('everyone').where('targetingKey', 'exists');
    td.flag('x').forAudience('everyone').valueForKey('user-2', true).valueForKey('user-3', false);
    expect([x({ targetingKey: 'user-2' }), x({ targetingKey: 'user-3' })]).toEqual([true, false]);
  });

  test('for all replace what was said', () => {
    td.flag('x').valueForKey('user-1', false).valueForAll(true);
    expect(x()).toBe(true);
  });

  test('that are new become variants, of another type new flags', () => {
    td.flag('limit').valueForAll(10).valueForKey('user-1', 20);
    expect([fauna.number('limit', {}, 0), fauna.number('limit', USER, 0)]).toEqual([10, 20]);
    expect(fauna.numberDetails('limit', USER, 0).errorCode).toBeUndefined();
  });
});

test('a rollout has the same users at every share, and more at a larger one', () => {
  const users = Array.from({ length: 1000 }, (_, index) => ({ targetingKey: `user-${index}` }));
  const shares = [0, 10, 30, 100].map((share) => {
    td.flag('x').rollout(share);
    return new Set(users.filter(x));
  });
  expect(shares.map((share) => share.size)).toEqual([0, expect.any(Number), expect.any(Number), 1000]);
  expect(shares[1]?.size).toBeGreaterThan(70);
  expect(shares[1]?.size).toBeLessThan(130);
  expect([...(shares[1] ?? [])].every((user) => shares[2]?.has(user))).toBe(true);
  expect(() => td.flag('x').rollout(101)).toThrow('from 0 to 100');
});

test('a requirement keeps a flag off until it is met', () => {
  td.flag('x').on().requires('payments');
  expect(fauna.booleanDetails('x', {}, true)).toMatchObject({
    value: false,
    reason: 'DISABLED',
    flagMetadata: { prerequisite: 'payments' },
  });
  td.flag('payments').on();
  expect(x()).toBe(true);
});

describe('an audience', () => {
  test.each<[string, (td: TestData) => unknown, EvaluationContext, EvaluationContext]>([
    ['texts', (to) => to.audience('a').where('plan', 'eq', 'pro'), { plan: 'pro' }, { plan: 'free' }],
    ['numbers', (to) => to.audience('a').where('age', 'lt', 18), { age: 17 }, { age: 18 }],
    ['booleans', (to) => to.audience('a').where('staff', 'eq', true), { staff: true }, { staff: false }],
    [
      'dates',
      (to) => to.audience('a').where('since', 'lt', new Date('2026-01-01')),
      { since: '2025-01-01T00:00:00Z' },
      { since: '2027-01-01T00:00:00Z' },
    ],
    [
      'versions',
      (to) => to.audience('a').where('app', 'gte', '2.10', { type: 'version' }),
      { app: '2.11.0' },
      { app: '2.9.0' },
    ],
    ['presence', (to) => to.audience('a').where('plan', 'exists'), { plan: 1 }, {}],
    [
      'negation',
      (to) => to.audience('a').where('plan', 'eq', 'pro', { negate: true }),
      { plan: 'free' },
      { plan: 'pro' },
    ],
    [
      'case',
      (to) => to.audience('a').where('plan', 'eq', 'PRO', { ignoreCase: true }),
      { plan: 'pro' },
      { plan: 'free' },
    ],
    ['all conditions', (to) => to.audience('a').where('n', 'gt', 1).where('n', 'lt', 3), { n: 2 }, { n: 3 }],
    [
      'any condition',
      (to) => to.audience('a').matchAny().where('n', 'eq', 1).where('n', 'eq', 3),
      { n: 3 },
      { n: 2 },
    ],
    [
      'members',
      (to) => to.audience('a').where('n', 'eq', 1).members('user-1'),
      { targetingKey: 'user-1' },
      { n: 1 },
    ],
    [
      'other audiences',
      (to) => {
        to.audience('inner').where('n', 'eq', 1);
        return to.audience('a').inAudience('inner');
      },
      { n: 1 },
      { n: 2 },
    ],
  ])('compares %s', (_name, define, inside, outside) => {
    td.flag('x').forAudience('a');
    define(td);
    expect([x(inside), x(outside)]).toEqual([true, false]);
    expect(fauna.booleanDetails('x', outside, true).errorCode).toBeUndefined();
  });
});

test('a flag that is removed gives defaults, and another of its name begins anew', () => {
  td.flag('x').on();
  td.remove('x').remove('never');
  expect(fauna.booleanDetails('x', {}, true).errorCode).toBe('FLAG_NOT_FOUND');
  td.flag('x');
  expect(x()).toBe(false);
});

test('a document is taken as it is', () => {
  td.useDocument('x', booleanFlag({ rules: [ruleFor('nobody-made-this')] }));
  expect(fauna.booleanDetails('x', {}, false).errorCode).toBe('PARSE_ERROR');
});

test('test data may begin with a ruleset that was exported', async () => {
  const exported = {
    flags: { x: booleanFlag({ rules: [ruleFor('ca')] }) },
    audiences: { ca: audienceOf('CA') },
  };
  const from = new TestData({ environment: 'staging', ...exported });
  const client = await createClient({ source: from });
  expect(client.booleanDetails('x', USER, false)).toMatchObject({
    reason: 'TARGETING_MATCH',
    flagMetadata: { flagSetId: 'staging' },
  });
  from.flag('x').off();
  expect(client.boolean('x', USER, true)).toBe(false);
  await client.close();
  expect(() => new TestData({} as never)).toThrow(TypeError);
});

test('several clients have every change; one that is closed has no more', async () => {
  const second = await createClient({ source: td });
  td.flag('x').on();
  expect([x(), second.boolean('x', {}, false)]).toEqual([true, true]);
  await second.close();
  td.flag('x').off();
  expect([x(), second.boolean('x', {}, false)]).toEqual([false, true]);
});

test('a listener of one client that sets a flag keeps no change from another', async () => {
  const second = await createClient({ source: td, logger: SILENT });
  fauna.on('change', ({ keys }) => {
    if (keys.includes('x') && !second.boolean('y', {}, false)) td.flag('y').on();
  });
  td.flag('x').on();
  td.flag('z').on();
  for (const client of [fauna, second]) {
    expect(['x', 'y', 'z'].map((key) => client.boolean(key, {}, false))).toEqual([true, true, true]);
  }
  expect(second.position).toEqual(fauna.position);
  await second.close();
});

test('an interruption makes clients stale and keeps changes from them until it ends', async () => {
  const errors: string[] = [];
  fauna.on('error', ({ code }) => errors.push(code));
  td.interrupt();
  td.flag('x').on();
  await runtime.advance(30_000);
  expect([fauna.status, x(), errors]).toEqual(['stale', false, ['DISCONNECTED']]);
  td.resume();
  expect([fauna.status, x(), fauna.error]).toEqual(['ready', true, undefined]);
});

test('a client made during an interruption has no rules', async () => {
  td.flag('x').on();
  td.interrupt();
  const second = await createClient({
    source: td,
    timeoutMs: 0,
    logger: SILENT,
  });
  expect(second.status).toBe('initializing');
  td.resume();
  expect([second.status, second.boolean('x', {}, false)]).toEqual(['ready', true]);
  await second.close();
});
