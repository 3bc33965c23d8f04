/** What is counted as usage, and that no count is lost or told twice while rulesets come and go. */
import { beforeEach, describe, expect, test } from 'vitest';
import { Evaluator } from '../../src/client/evaluator.ts';
import { readPayload } from '../../src/evaluator/payload.ts';
import type { UsageCount } from '../../src/evaluator/usage.ts';
import { RulesetStore } from '../../src/source/ruleset-store.ts';
import { audienceOf, booleanFlag, patch, put, ruleFor } from '../support/rulesets.ts';

const FLAGS = {
  canada: booleanFlag({ rules: [ruleFor('canada')], default: { variant: 'off' } }),
  dependent: booleanFlag({ prerequisites: [{ flag: 'canada', variants: ['on'] }] }),
  broken: booleanFlag({ rules: [ruleFor('nowhere')] }),
  unreadable: { kind: 'boolean' },
};

let store: RulesetStore;
let evaluator: Evaluator;

beforeEach(() => {
  store = new RulesetStore();
  evaluator = new Evaluator(
    () => store.ruleset,
    () => 0,
  );
  evaluator.countsUsage = true;
  store.apply(readPayload(put(1, FLAGS, { canada: audienceOf('CA') })), false);
});

const CANADA = { country: 'CA' };

function sorted(counts: readonly UsageCount[]): readonly string[] {
  return counts.map(({ flag, variant, evaluations }) => `${flag} ${variant ?? '-'} ${evaluations}`).sort();
}

describe('usage', () => {
  test('counts what each evaluation of a flag gave, with details and without', () => {
    evaluator.value('canada', CANADA, 'boolean');
    evaluator.details('canada', CANADA, false, 'boolean');
    evaluator.value('canada', {}, 'boolean');
    evaluator.value('broken', {}, 'boolean');
    expect(sorted(evaluator.takeUsage())).toEqual(['broken off 1', 'canada off 1', 'canada on 2']);
  });

  test('counts as default what was served from the code', () => {
    evaluator.value('canada', CANADA, 'string');
    evaluator.details('canada', CANADA, 'x', 'string');
    evaluator.value('unreadable', CANADA, 'boolean');
    evaluator.details('canada', 7 as never, false, 'boolean');
    expect(sorted(evaluator.takeUsage())).toEqual(['canada - 3', 'unreadable - 1']);
  });

  test('does not count what a prerequisite was evaluated to', () => {
    evaluator.value('dependent', CANADA, 'boolean');
    expect(sorted(evaluator.takeUsage())).toEqual(['dependent on 1']);
  });

  test('counts neither keys of no flag nor evaluations of all flags', () => {
    evaluator.value('nowhere', CANADA, 'boolean');
    evaluator.details('nowhere', CANADA, false, 'boolean');
    evaluator.all(CANADA);
    expect(evaluator.takeUsage()).toEqual([]);
  });

  test('is told once', () => {
    evaluator.value('canada', CANADA, 'boolean');
    evaluator.takeUsage();
    expect(evaluator.takeUsage()).toEqual([]);
  });

  test('is not counted while that is off', () => {
    evaluator.countsUsage = false;
    evaluator.value('canada', CANADA, 'boolean');
    evaluator.details('canada', CANADA, false, 'boolean');
    expect(evaluator.takeUsage()).toEqual([]);
  });

  test.each([
    ['replaced', { canada: booleanFlag() }],
    ['deleted', { canada: null }],
    ['kept', {}],
  ])('survives a patch by which its flag is %s', (_what, flags) => {
    evaluator.value('canada', CANADA, 'boolean');
    store.apply(readPayload(patch(1, 2, flags)), false);
    evaluator.value('canada', CANADA, 'boolean');
    const after = 'canada' in flags && flags.canada === null ? 1 : 2;
    expect(sorted(evaluator.takeUsage())).toEqual([`canada on ${after}`]);
  });

  test('survives a put of the same documents, and one of none', () => {
    evaluator.value('canada', CANADA, 'boolean');
    store.apply(readPayload(put(2, FLAGS)), false);
    evaluator.value('dependent', CANADA, 'boolean');
    store.apply(readPayload(put(3)), false);
    expect(sorted(evaluator.takeUsage())).toEqual(['canada on 1', 'dependent off 1']);
  });
});
