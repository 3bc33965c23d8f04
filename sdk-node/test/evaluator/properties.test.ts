/** What must hold for every ruleset, not only for those somebody thought of. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bucket } from '../../src/evaluator/bucket.ts';
import { foldCase } from '../../src/evaluator/case-fold.ts';
import { parseInstant } from '../../src/evaluator/instant.ts';
import { murmur3, murmur3Prefix } from '../../src/evaluator/murmur3.ts';
import { readPayload } from '../../src/evaluator/payload.ts';
import { Ruleset } from '../../src/evaluator/ruleset.ts';
import { RulesetStore } from '../../src/source/ruleset-store.ts';
import { audienceOf, booleanFlag, patch, put, ruleFor } from '../support/rulesets.ts';

/** Any text, with the surrogates alone that a JavaScript string can have. */
const texts = fc.string({
  unit: fc.oneof(fc.string({ minLength: 1, maxLength: 1 }), fc.constantFrom('ä', '€', '😀', '\ud800')),
});

/** MurmurHash3 x86 32 over bytes, written down plainly. */
function plainMurmur3(bytes: Uint8Array): number {
  const rotate = (value: number, by: number): number => (value << by) | (value >>> (32 - by));
  const word = (at: number, length: number): number => {
    let value = 0;
    for (let index = 0; index < length; index += 1) value |= (bytes[at + index] ?? 0) << (8 * index);
    return Math.imul(rotate(Math.imul(value, 0xcc9e2d51), 15), 0x1b873593);
  };
  const whole = bytes.length - (bytes.length % 4);
  let hash = 0;
  for (let at = 0; at < whole; at += 4)
    hash = (Math.imul(rotate(hash ^ word(at, 4), 13), 5) + 0xe6546b64) | 0;
  hash ^= word(whole, bytes.length % 4) ^ bytes.length;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

describe('the hash', () => {
  test('is MurmurHash3 over the UTF-8 bytes of the whole text, wherever it is cut into prefix and rest', () => {
    fc.assert(
      fc.property(texts, texts, (prefix, rest) => {
        // A pair of surrogates that the cut would make is no character of either part.
        fc.pre(!/[\ud800-\udbff]$/.test(prefix));
        const bytes = new TextEncoder().encode(prefix + rest);
        expect(murmur3(rest, murmur3Prefix(prefix))).toBe(plainMurmur3(bytes));
      }),
    );
  });

  test('spreads subjects evenly over the buckets', () => {
    const counts = new Array<number>(10).fill(0);
    for (let user = 0; user < 20_000; user += 1) {
      const tenth = Math.floor((bucket('salt', `user-${user}`) ?? 0) / 10_000);
      counts[tenth] = (counts[tenth] ?? 0) + 1;
    }
    for (const count of counts) expect(Math.abs(count - 2000)).toBeLessThan(200);
  });

  test('has a bucket for integers only as they are written in decimal', () => {
    expect(bucket('s', -0)).toBe(bucket('s', '0'));
    expect(bucket('s', 1e15)).toBe(bucket('s', '1000000000000000'));
    expect(bucket('s', 1.5)).toBeUndefined();
    expect(bucket('s', 2 ** 53)).toBeUndefined();
  });
});

function rulesetOf(flags: object, audiences: object = {}): Ruleset {
  return Ruleset.after(undefined, readPayload({ ...put(1), flags, audiences })).ruleset;
}

function evaluate(ruleset: Ruleset, flag: string, context: unknown, now = '2026-06-01T00:00:00Z') {
  return ruleset.evaluate(flag, context, () => parseInstant(now) ?? 0n);
}

function splitFlag(weights: readonly number[], more: object = {}): object {
  const split = weights.map((weight, index) => ({ variant: `v${index}`, weight }));
  const variants = Object.fromEntries([
    ...weights.map((_weight, index) => [`v${index}`, index]),
    ['off', -1],
  ]) as object;
  return booleanFlag({ kind: 'number', variants, salt: 's', default: { split, ...more } });
}

describe('a split', () => {
  const weight = fc.integer({ min: 0, max: 100_000 });

  test('only adds subjects to its first variant when that grows', () => {
    fc.assert(
      fc.property(weight, weight, fc.string(), (one, other, user) => {
        const [small, large] = [Math.min(one, other), Math.max(one, other)];
        const inSmall =
          evaluate(rulesetOf({ f: splitFlag([small]) }), 'f', { targetingKey: user }).variant === 'v0';
        const inLarge =
          evaluate(rulesetOf({ f: splitFlag([large]) }), 'f', { targetingKey: user }).variant === 'v0';
        expect(inSmall && !inLarge).toBe(false);
      }),
    );
  });

  test('gives nobody to a weight of 0 and everybody to 100 000', () => {
    fc.assert(
      fc.property(fc.string(), (user) => {
        expect(evaluate(rulesetOf({ f: splitFlag([0, 100_000]) }), 'f', { targetingKey: user }).variant).toBe(
          'v1',
        );
      }),
    );
  });

  test('only adds subjects while a ramp rises', () => {
    const ramp = { from: '2026-01-01T00:00:00Z', until: '2027-01-01T00:00:00Z', startWeight: 0 };
    const ruleset = rulesetOf({ f: splitFlag([100_000], { ramp }) });
    const instants = fc.date({
      min: new Date('2025-06-01'),
      max: new Date('2027-06-01'),
      noInvalidDate: true,
    });
    fc.assert(
      fc.property(instants, instants, fc.string(), (one, other, user) => {
        const [earlier, later] = one < other ? [one, other] : [other, one];
        const isIn = (at: Date): boolean =>
          evaluate(ruleset, 'f', { targetingKey: user }, at.toISOString()).variant === 'v0';
        expect(isIn(earlier) && !isIn(later)).toBe(false);
      }),
    );
  });
});

describe('payloads', () => {
  const key = fc.constantFrom('a', 'b', 'c');
  const flag = fc.oneof(
    fc.constantFrom('a', 'b', 'c').map((audience) => booleanFlag({ rules: [ruleFor(audience)] })),
    fc.boolean().map((enabled) => booleanFlag({ enabled })),
    fc.constant({ broken: true }),
  );
  const audience = fc.constantFrom('CA', 'US').map(audienceOf);
  const edits = fc.record({
    flags: fc.dictionary(key, fc.option(flag)),
    audiences: fc.dictionary(key, fc.option(audience)),
  });

  const withoutNulls = (documents: object): object =>
    Object.fromEntries(Object.entries(documents).filter(([, document]) => document !== null));

  test('a series of patches leads to the same ruleset as one put, and lists the flags that differ', () => {
    fc.assert(
      fc.property(fc.array(edits, { minLength: 1, maxLength: 6 }), (series) => {
        const listed: string[] = [];
        const store = new RulesetStore();
        store.apply(readPayload(put(0)), false);
        const before = store.ruleset;
        let flags = {};
        let audiences = {};
        for (const [index, edit] of series.entries()) {
          flags = withoutNulls({ ...flags, ...edit.flags });
          audiences = withoutNulls({ ...audiences, ...edit.audiences });
          const payload = readPayload(patch(index, index + 1, edit.flags, edit.audiences));
          const { result, change } = store.apply(payload, true);
          expect(result).toBe('applied');
          listed.push(...(change?.keys ?? []));
        }
        const whole = rulesetOf(flags, audiences);
        expect([...(store.ruleset?.flagKeys ?? [])].sort()).toEqual([...whole.flagKeys].sort());
        for (const name of ['a', 'b', 'c']) {
          for (const context of [{}, { country: 'CA' }]) {
            const evaluation = store.ruleset && evaluate(store.ruleset, name, context);
            expect(evaluation).toEqual(evaluate(whole, name, context));
            const changed =
              JSON.stringify(evaluation) !== JSON.stringify(before && evaluate(before, name, context));
            expect(changed && !listed.includes(name)).toBe(false);
          }
        }
      }),
    );
  });

  test('a ruleset that somebody holds does not change under a patch', () => {
    const store = new RulesetStore();
    store.apply(readPayload(put(0, { a: booleanFlag() })), false);
    const held = store.ruleset;
    store.apply(readPayload(patch(0, 1, { a: null })), false);
    expect(held && evaluate(held, 'a', {}).variant).toBe('on');
  });
});

describe('anything at all', () => {
  const operators = fc.constantFrom(
    'eq',
    'in',
    'contains',
    'matches',
    'in_cidr',
    'lt',
    'gte',
    'exists',
    'in_audience',
    'no',
  );
  const types = fc.constantFrom('string', 'number', 'boolean', 'date', 'version', 'no');
  const values = fc.oneof(
    fc.constantFrom('a', 'x', '1.2.3', '10.0.0.0/8', '2026-01-01T00:00:00Z', '(', 'a+', '', 1, 0, true, null),
    fc.jsonValue(),
  );
  const condition = fc.record({
    attribute: fc.constantFrom('a', 'b.c'),
    type: types,
    operator: operators,
    values: fc.array(values, { maxLength: 3 }),
    negate: fc.boolean(),
    ignoreCase: fc.boolean(),
  });
  const context = fc.record({
    a: values,
    b: fc.oneof(values, fc.record({ c: values })),
    targetingKey: values,
  });

  test('compiles and evaluates to a value or an error, never to an exception', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(condition, fc.jsonValue()), { maxLength: 3 }),
        context,
        (conditions, subject) => {
          const ruleset = rulesetOf(
            { f: booleanFlag({ rules: [ruleFor('x')] }) },
            { x: { match: 'any', conditions } },
          );
          const evaluation = evaluate(ruleset, 'f', subject);
          expect(['on', 'off']).toContain(evaluation.variant);
          expect(evaluation.reason === 'ERROR').toBe(evaluation.errorCode !== undefined);
        },
      ),
      { numRuns: 1000 },
    );
  });

  test('is a document that compiles, however wrong', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (flag, subject) => {
        const { reason } = evaluate(rulesetOf({ f: flag }), 'f', subject);
        expect(reason).toBe('ERROR');
      }),
    );
  });
});

describe('case folding', () => {
  test('is idempotent and forgets the case of every letter that has two of one length', () => {
    fc.assert(
      fc.property(texts, (text) => {
        expect(foldCase(foldCase(text))).toBe(foldCase(text));
      }),
    );
    for (let code = 0; code < 0x250; code += 1) {
      const [upper, lower] = [
        String.fromCodePoint(code).toUpperCase(),
        String.fromCodePoint(code).toLowerCase(),
      ];
      const isSimple = upper.length === 1 && lower.length === 1 && lower.toUpperCase() === upper;
      if (isSimple && upper !== 'I' && upper !== 'İ') expect(foldCase(upper)).toBe(foldCase(lower));
    }
  });
});
