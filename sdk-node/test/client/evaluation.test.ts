/** Evaluation as an application calls it: types, defaults, and contexts that are not what they should be. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { attributeOf } from '../../src/evaluator/attribute.ts';
import { createClient } from '../../src/index.ts';
import type { EvaluationContext, FaunaClient, Logger, Runtime } from '../../src/index.ts';
import { FakeRuntime } from '../support/fake-runtime.ts';
import { audienceOf, booleanFlag, put, ruleFor } from '../support/rulesets.ts';

const SILENT: Logger = { info: () => undefined, warn: () => undefined, error: () => undefined };

const JSON_VALUE = { limits: [1, { max: 2 }], label: null };

const FLAGS = {
  bool: booleanFlag(),
  off: booleanFlag({ enabled: false }),
  text: { ...booleanFlag(), kind: 'string', variants: { on: 'hello', off: '' } },
  count: { ...booleanFlag(), kind: 'number', variants: { on: 1.5, off: 0 } },
  config: { ...booleanFlag(), kind: 'json', variants: { on: JSON_VALUE, off: {} } },
  broken: booleanFlag({ rules: [{ id: 'r', match: 'any' }] }),
  unreadable: { kind: 'boolean' },
  targeted: booleanFlag({ rules: [ruleFor('canada')], default: { variant: 'off' } }),
  split: booleanFlag({ default: { split: [{ variant: 'on', weight: 100_000 }] } }),
  dependent: booleanFlag({ prerequisites: [{ flag: 'off', variants: ['on'] }] }),
  recent: booleanFlag({ rules: [ruleFor('recent')], default: { variant: 'off' } }),
  constructed: booleanFlag({ rules: [ruleFor('constructed')], default: { variant: 'off' } }),
  toString: booleanFlag(),
};

const existing = (attribute: string): object => ({
  match: 'any',
  conditions: [{ attribute, type: 'string', operator: 'exists', values: [] }],
});

const AUDIENCES = {
  canada: audienceOf('CA'),
  recent: {
    match: 'all',
    conditions: [
      { attribute: 'signedUpAt', type: 'date', operator: 'gte', values: ['2026-01-01T00:00:00Z'] },
    ],
  },
  constructed: {
    match: 'any',
    conditions: ['constructor', '__proto__', 'toString', 'a.constructor', 'a.__proto__'].flatMap(
      (attribute) => (existing(attribute) as { conditions: unknown[] }).conditions,
    ),
  },
};

let runtime: FakeRuntime;
let fauna: FaunaClient;

beforeEach(async () => {
  runtime = new FakeRuntime();
  const connecting = createClient({ url: 'http://bridge', key: 'k', usage: false, runtime });
  await runtime.lastRequest.answer();
  await runtime.lastRequest.event('put', put(7, FLAGS, AUDIENCES));
  fauna = await connecting;
});

afterEach(() => fauna.close());

test('every kind of flag has its value', () => {
  expect(fauna.boolean('bool', {}, false)).toBe(true);
  expect(fauna.string('text', {}, 'x')).toBe('hello');
  expect(fauna.number('count', {}, 0)).toBe(1.5);
  expect(fauna.json('config', {}, {})).toEqual(JSON_VALUE);
});

test('a json value cannot be changed by who gets it', () => {
  const value = fauna.json('config', {}, JSON_VALUE);
  expect(() => (value.limits as unknown[]).push(3)).toThrow(TypeError);
  expect(Object.isFrozen(value)).toBe(true);
});

describe('details', () => {
  test('say which variant, why, and from which configuration', () => {
    expect(fauna.booleanDetails('targeted', { country: 'CA' }, false)).toEqual({
      flagKey: 'targeted',
      value: true,
      variant: 'on',
      reason: 'TARGETING_MATCH',
      flagMetadata: { version: 7, flagSetId: 'production', ruleId: 'r1' },
    });
  });

  test('name the prerequisite that is not met', () => {
    const details = fauna.booleanDetails('dependent', {}, true);
    expect(details).toMatchObject({
      value: false,
      reason: 'DISABLED',
      flagMetadata: { prerequisite: 'off' },
    });
  });

  test('of an unknown flag give the default and FLAG_NOT_FOUND', () => {
    const details = fauna.stringDetails('nope', {}, 'mine');
    expect(details).toMatchObject({ value: 'mine', reason: 'ERROR', errorCode: 'FLAG_NOT_FOUND' });
    expect(details.errorMessage).toBe('the flag does not exist');
    expect(details).not.toHaveProperty('variant');
  });

  test('of another type give the default and TYPE_MISMATCH', () => {
    for (const details of [
      fauna.booleanDetails('text', {}, true),
      fauna.stringDetails('bool', {}, 'x'),
      fauna.numberDetails('text', {}, 3),
      fauna.jsonDetails('bool', {}, { a: 1 }),
    ]) {
      expect(details).toMatchObject({ reason: 'ERROR', errorCode: 'TYPE_MISMATCH' });
    }
    expect(fauna.boolean('text', {}, true)).toBe(true);
    expect(fauna.json('bool', {}, { a: 1 })).toEqual({ a: 1 });
  });

  test('of a broken flag give its off variant and PARSE_ERROR', () => {
    const details = fauna.booleanDetails('broken', {}, true);
    expect(details).toMatchObject({
      value: false,
      variant: 'off',
      reason: 'ERROR',
      errorCode: 'PARSE_ERROR',
    });
    expect(details.errorMessage).toBe('rules[0]: serve: not an object');
    expect(fauna.boolean('broken', {}, true)).toBe(false);
  });

  test('of a flag that cannot be read at all give the default', () => {
    expect(fauna.booleanDetails('unreadable', {}, true)).toMatchObject({
      value: true,
      errorCode: 'PARSE_ERROR',
    });
  });

  test('before there is a ruleset give the default and PROVIDER_NOT_READY', async () => {
    const other = new FakeRuntime();
    const connecting = createClient({
      url: 'http://bridge',
      key: 'k',
      usage: false,
      runtime: other,
      timeoutMs: 0,
      logger: SILENT,
    });
    await other.advance(0);
    const early = await connecting;
    expect(early.booleanDetails('bool', {}, true)).toMatchObject({
      value: true,
      reason: 'ERROR',
      errorCode: 'PROVIDER_NOT_READY',
      flagMetadata: {},
    });
    expect(early.evaluateAll({})).toEqual({});
    await early.close();
  });
});

describe('details that a flag served', () => {
  test('are frozen and the same for all, since all are given them', () => {
    const details = fauna.booleanDetails('dependent', {}, true);
    expect(Object.isFrozen(details) && Object.isFrozen(details.flagMetadata)).toBe(true);
    expect(fauna.booleanDetails('dependent', {}, false)).toBe(details);
  });

  test('are new ones after every revision', async () => {
    const details = fauna.booleanDetails('bool', {}, false);
    await runtime.lastRequest.event('patch', { ...put(8), from: 7 });
    expect(fauna.booleanDetails('bool', {}, false)).toEqual({
      ...details,
      flagMetadata: { ...details.flagMetadata, version: 8 },
    });
  });
});

describe('evaluateAll', () => {
  test('has every flag, with its error if it has one', () => {
    const all = fauna.evaluateAll({ targetingKey: 'u', country: 'CA' });
    expect(Object.keys(all).sort()).toEqual(Object.keys(FLAGS).sort());
    expect(all.targeted).toMatchObject({ value: true, variant: 'on', reason: 'TARGETING_MATCH' });
    expect(all.text).toMatchObject({ value: 'hello', reason: 'STATIC' });
    expect(all.broken).toMatchObject({ value: false, errorCode: 'PARSE_ERROR' });
    expect(all.unreadable).toMatchObject({ value: undefined, errorCode: 'PARSE_ERROR' });
  });

  test('evaluates all flags at the same instant', async () => {
    const window = (activeFrom: string | null, activeUntil: string | null): object =>
      booleanFlag({ rules: [{ ...ruleFor(), activeFrom, activeUntil }], default: { variant: 'off' } });
    const ticking = new FakeRuntime();
    let nowMs = Date.parse('2026-01-01T00:00:00Z') - 1;
    const connecting = createClient({
      url: 'http://x',
      key: 'k',
      usage: false,
      runtime: { ...fakeOf(ticking), now: () => nowMs++ },
    });
    await ticking.lastRequest.answer();
    const flags = {
      before: window(null, '2026-01-01T00:00:00Z'),
      after: window('2026-01-01T00:00:00Z', null),
    };
    await ticking.lastRequest.event('put', put(1, flags));
    const clocked = await connecting;
    nowMs = Date.parse('2026-01-01T00:00:00Z') - 1;
    expect(Object.values(clocked.evaluateAll({})).map((details) => details.value)).toEqual([true, false]);
    await clocked.close();
  });

  test('does not find what is not a flag', () => {
    const all = fauna.evaluateAll({});
    expect('hasOwnProperty' in all).toBe(false);
    expect(new Map(Object.entries(all)).get('toString')).toMatchObject({ value: true });
  });
});

describe('a context', () => {
  const on = (flag: string, context: unknown): boolean =>
    fauna.boolean(flag, context as EvaluationContext, false);

  test.each([[null], [undefined], ['text'], [7], [[]], [new Date()], [Symbol('s')], [() => true]])(
    'that is %o is invalid',
    (context) => {
      expect(fauna.booleanDetails('bool', context as never, false)).toMatchObject({
        value: false,
        errorCode: 'INVALID_CONTEXT',
      });
      expect(fauna.evaluateAll(context as never).bool).toMatchObject({ errorCode: 'INVALID_CONTEXT' });
    },
  );

  test('may hold dates, which are their ISO text', () => {
    expect(on('recent', { signedUpAt: new Date('2026-02-01') })).toBe(true);
    expect(on('recent', { signedUpAt: new Date('2025-02-01') })).toBe(false);
    expect(on('recent', { signedUpAt: new Date(Number.NaN) })).toBe(false);
  });

  test('may hold bigints, which are numbers with these digits', () => {
    expect(on('split', { targetingKey: 7n })).toBe(true);
    expect(fauna.booleanDetails('split', { targetingKey: 7n }, false).reason).toBe('SPLIT');
    expect(fauna.booleanDetails('split', { targetingKey: 2n ** 60n }, false).reason).toBe('DEFAULT');
    expect(fauna.booleanDetails('split', { targetingKey: 10n ** 400n }, false).reason).toBe('DEFAULT');
  });

  test.each([undefined, null, Number.NaN, Number.POSITIVE_INFINITY, (): string => 'CA', Symbol('CA')])(
    'may hold %o, which is missing',
    (country) => {
      expect(on('targeted', { country })).toBe(false);
    },
  );

  test('may be cyclic', () => {
    const context: Record<string, unknown> = { country: 'CA' };
    context.self = context;
    context.list = [context];
    expect(on('targeted', context)).toBe(true);
  });

  test('has only its own properties as attributes', () => {
    expect(on('constructed', { a: {} })).toBe(false);
    expect(on('constructed', { a: { constructor: 'mine' } })).toBe(true);
    expect(on('targeted', Object.create({ country: 'CA' }))).toBe(false);
    expect(on('targeted', Object.assign(Object.create(null) as object, { country: 'CA' }))).toBe(true);
    expect(on('constructed', JSON.parse('{"__proto__":"x"}'))).toBe(true);
  });

  test('may inherit from a class, whose properties do not count, and from nothing', () => {
    class User {
      readonly home = 'CA';
      get country(): string {
        return this.home;
      }
    }
    const bare = Object.assign(Object.create(null) as object, { country: 'CA' }) as EvaluationContext;
    expect(fauna.boolean('targeted', new User() as unknown as EvaluationContext, true)).toBe(false);
    const own = Object.defineProperty(new User(), 'country', { value: 'CA' }) as unknown as EvaluationContext;
    expect(fauna.boolean('targeted', own, false)).toBe(true);
    expect(fauna.boolean('targeted', bare, false)).toBe(true);
  });

  test('has no attribute that somebody put into Object.prototype', () => {
    expect(fauna.boolean('targeted', { country: 'CA' }, false)).toBe(true);
    const prototype = Object.prototype as { country?: string };
    prototype.country = 'CA';
    try {
      expect(fauna.boolean('targeted', {}, true)).toBe(false);
      expect(fauna.boolean('targeted', { country: 'CA' }, false)).toBe(true);
    } finally {
      delete prototype.country;
    }
  });

  test('may have more attributes than have a place of their own', () => {
    const many = Array.from({ length: 60 }, (_, index) => `attribute${index}`);
    for (const name of many) {
      const value = attributeOf(name);
      expect([value.read({ [name]: 'x' }, true), value.read({ [name]: 'x' }, false)]).toEqual(['x', 'x']);
      expect([value.read({}, true), value.read({}, false)]).toEqual([undefined, undefined]);
    }
    const deep = attributeOf('attribute0.attribute59.constructor');
    expect(deep.read({ attribute0: { attribute59: { constructor: 7 } } }, true)).toBe(7);
    expect(deep.read({ attribute0: { attribute59: {} } }, true)).toBeUndefined();
  });

  test('may have a getter that throws', () => {
    const context = {
      get country(): string {
        throw new Error('secret');
      },
    };
    expect(on('targeted', context)).toBe(false);
    const details = fauna.booleanDetails('targeted', context, true);
    expect(details).toMatchObject({ value: true, reason: 'ERROR', errorCode: 'INVALID_CONTEXT' });
    expect(details.errorMessage).toBe('the context threw while it was read');
    expect(fauna.evaluateAll(context).bool).toMatchObject({ value: true });
    expect(on('bool', context)).toBe(true);
  });

  test('may have a getter that evaluates in turn', () => {
    const context = {
      get country(): string {
        return fauna.boolean('bool', {}, false) ? 'CA' : 'US';
      },
    };
    expect(on('targeted', context)).toBe(true);
  });

  test('may be a proxy that throws at everything', () => {
    const hostile = new Proxy(
      {},
      {
        getOwnPropertyDescriptor: () => {
          throw new Error('no');
        },
        getPrototypeOf: () => {
          throw new Error('no');
        },
      },
    );
    expect(on('targeted', hostile)).toBe(false);
    expect(fauna.booleanDetails('targeted', hostile, true).errorCode).toBe('INVALID_CONTEXT');
  });

  test('may hold lone surrogates', () => {
    expect(on('split', { targetingKey: '\ud800' })).toBe(true);
    expect(on('targeted', { country: '\udc00' })).toBe(false);
  });
});

test.each(['__proto__', 'constructor', 'hasOwnProperty', '', '\0'])('%j is no flag', (key) => {
  expect(fauna.booleanDetails(key, {}, true).errorCode).toBe('FLAG_NOT_FOUND');
});

function fakeOf(runtime: FakeRuntime): Runtime {
  const { fetch, setTimeout, clearTimeout, now, random } = runtime;
  return { fetch, setTimeout, clearTimeout, now, random };
}
