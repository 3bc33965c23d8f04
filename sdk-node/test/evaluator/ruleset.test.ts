/** How a ruleset holds its documents: when they are compiled, what a new payload leaves as it was, what it lists as changed. */
import { afterEach, describe, expect, test, vi } from 'vitest';
import { CompiledAudience } from '../../src/evaluator/audience.ts';
import { CompiledFlag } from '../../src/evaluator/flag.ts';
import { readPayload } from '../../src/evaluator/payload.ts';
import { Ruleset } from '../../src/evaluator/ruleset.ts';
import { audienceOf, booleanFlag, patch, put, ruleFor } from '../support/rulesets.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

const FLAGS = {
  a: booleanFlag({ rules: [ruleFor('canada')] }),
  b: booleanFlag({ prerequisites: [{ flag: 'a', variants: ['on'] }] }),
  c: booleanFlag({ rules: [ruleFor('not-canada')] }),
  d: booleanFlag(),
};
const AUDIENCES = {
  canada: audienceOf('CA'),
  'not-canada': {
    match: 'all',
    conditions: [{ operator: 'in_audience', values: ['canada'], negate: true }],
  },
};

function after(before: Ruleset | undefined, payload: object): ReturnType<typeof Ruleset.after> {
  return Ruleset.after(before, readPayload(payload));
}

const evaluate = (ruleset: Ruleset, key: string) => ruleset.evaluate(key, {}, () => 0);

describe('a document', () => {
  test('is compiled when it is first used, and once', () => {
    const flags = vi.spyOn(CompiledFlag, 'of');
    const audiences = vi.spyOn(CompiledAudience, 'of');
    const { ruleset } = after(undefined, put(1, FLAGS, AUDIENCES));
    expect(flags).not.toHaveBeenCalled();
    evaluate(ruleset, 'a');
    evaluate(ruleset, 'a');
    expect(flags.mock.calls.map(([key]) => key)).toEqual(['a']);
    expect(audiences).toHaveBeenCalledTimes(1);
  });

  test('that did not change is not compiled again after a patch or a put', () => {
    const first = after(undefined, put(1, FLAGS, AUDIENCES)).ruleset;
    const compiled = first.flag('a');
    const second = after(first, patch(1, 2, { d: null })).ruleset;
    const third = after(second, put(3, FLAGS, AUDIENCES)).ruleset;
    expect(second.flag('a')).toBe(compiled);
    expect(third.flag('a')).toBe(compiled);
  });

  test('that is broken harms only itself, and only says so when it is asked for', () => {
    const { ruleset } = after(undefined, put(1, { ...FLAGS, a: { kind: 'boolean' } }, AUDIENCES));
    expect(evaluate(ruleset, 'a').errorCode).toBe('PARSE_ERROR');
    expect(evaluate(ruleset, 'c')).toMatchObject({ reason: 'TARGETING_MATCH' });
  });

  test.each([-0, 0])('keeps the value %s', (value) => {
    const flag = { ...booleanFlag(), kind: 'number', variants: { on: value, off: 1 } };
    const held = after(undefined, put(1, { a: flag })).ruleset;
    expect(evaluate(held, 'a').value).toBe(value);
    const other = { ...flag, variants: { on: -value, off: 1 } };
    const { ruleset, changed } = after(held, patch(1, 2, { a: other }));
    expect(evaluate(ruleset, 'a').value).toBe(-value);
    expect(changed).toEqual(['a']);
  });
});

describe('what changed', () => {
  const base = after(undefined, put(1, FLAGS, AUDIENCES)).ruleset;

  test.each([
    ['nothing, after the same put', put(2, FLAGS, AUDIENCES), []],
    ['all, after an empty put', put(2), ['a', 'b', 'c', 'd']],
    ['a flag and those that need it', patch(1, 2, { a: booleanFlag() }), ['a', 'b']],
    ['a deleted flag', patch(1, 2, { d: null }), ['d']],
    ['nothing, after a flag is deleted that never was', patch(1, 2, { e: null }), []],
    ['the users of an audience, however nested', patch(1, 2, {}, { canada: null }), ['a', 'b', 'c']],
    ['a flag that begins to be broken', patch(1, 2, { d: { rules: [null, 7] } }), ['d']],
  ])('is %s', (_what, payload, expected) => {
    expect(after(base, payload).changed).toEqual(expected);
  });
});

describe('an audience', () => {
  test('that changes counts at once for flags that were evaluated before', () => {
    const first = after(undefined, put(1, FLAGS, AUDIENCES)).ruleset;
    const inCanada = (ruleset: Ruleset) => ruleset.evaluate('a', { country: 'CA' }, () => 0).reason;
    expect(inCanada(first)).toBe('TARGETING_MATCH');
    const second = after(first, patch(1, 2, {}, { canada: audienceOf('US') })).ruleset;
    expect(inCanada(second)).toBe('DEFAULT');
    expect(inCanada(first)).toBe('TARGETING_MATCH');
    const third = after(second, patch(2, 3, {}, { canada: null })).ruleset;
    expect(inCanada(third)).toBe('ERROR');
    expect(inCanada(second)).toBe('DEFAULT');
  });
});
