/**
 * What nobody thought of a vector for: random rulesets, contexts and instants, made and evaluated by
 * `conformance/differential` with `fauna-core`. This evaluator has to make the same of every one.
 *
 * A difference is reported with the seed of its round; `FAUNA_DIFFERENTIAL_SEED` begins there.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { isDeepStrictEqual } from 'node:util';
import { expect, test } from 'vitest';
import { isContext } from '../../src/evaluator/context.ts';
import type { Evaluation } from '../../src/evaluator/evaluation.ts';
import { BROKEN, YES } from '../../src/evaluator/outcome.ts';
import { readPayload } from '../../src/evaluator/payload.ts';
import { Ruleset } from '../../src/evaluator/ruleset.ts';
import { requiredEnv } from './support/required-env.ts';

const EVALUATIONS = Number(process.env.FAUNA_DIFFERENTIAL_EVALUATIONS ?? '40000');
const FIRST_SEED = process.env.FAUNA_DIFFERENTIAL_SEED ?? '1';
/** More than enough to see what they have in common. */
const REPORTED = 10;

interface Case {
  readonly context: unknown;
  readonly now: string;
  /** Null where the context is one that JavaScript alone can hold. */
  readonly expect: {
    readonly flags: Readonly<Record<string, object>>;
    readonly audiences: Readonly<Record<string, boolean | null>>;
  } | null;
}

interface Round {
  readonly seed: number;
  readonly put: unknown;
  readonly patch: unknown;
  readonly cases: readonly Case[];
}

test(
  `the two evaluators agree on ${EVALUATIONS} random evaluations from seed ${FIRST_SEED}`,
  { timeout: 60_000 + EVALUATIONS },
  async () => {
    let evaluated = 0;
    const differences: string[] = [];
    for await (const round of rounds()) {
      const ruleset = rulesetOf(round);
      for (const [place, { context, now, expect: expected }] of round.cases.entries()) {
        const flags = [...ruleset.flagKeys, 'nowhere'].map((key) => {
          evaluated += 1;
          return [key, ruleset.evaluate(key, context, () => BigInt(now))] as const;
        });
        const report = (what: string, theirs: unknown, ours: unknown): void => {
          if (differences.length < REPORTED && !isDeepStrictEqual(theirs, ours)) {
            const [core, here] = [JSON.stringify(theirs), JSON.stringify(ours)];
            differences.push(`seed ${round.seed}, case ${place}, ${what}: core ${core}, here ${here}`);
          }
        };
        for (const [key, evaluation] of flags) {
          if (expected === null) report(`flag ${key}`, true, isWhole(evaluation));
          else report(`flag ${key}`, comparable(expected.flags[key] ?? {}), comparable(evaluation));
        }
        for (const [key, inside] of Object.entries(expected?.audiences ?? {})) {
          report(`audience ${key}`, inside, membership(ruleset, key, context));
        }
      }
    }
    expect(differences).toEqual([]);
    expect(evaluated).toBeGreaterThanOrEqual(EVALUATIONS);
  },
);

async function* rounds(): AsyncGenerator<Round> {
  const maker = spawn(requiredEnv('FAUNA_E2E_DIFFERENTIAL'), [FIRST_SEED, String(EVALUATIONS)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const closed = once(maker, 'close');
  for await (const line of createInterface({ input: maker.stdout })) yield JSON.parse(line) as Round;
  expect(await closed).toEqual([0, null]);
}

function rulesetOf({ put, patch }: Round): Ruleset {
  const { ruleset } = Ruleset.after(undefined, readPayload(put));
  return patch === null ? ruleset : Ruleset.after(ruleset, readPayload(patch)).ruleset;
}

/** Every member that is there; of the message, which is for people, only that it is. */
function comparable(evaluation: object): object {
  const members = Object.entries(evaluation).filter(([, value]) => value !== undefined);
  return new Map(
    members.map(([name, value]) => [name, name === 'errorMessage' ? value !== '' : (value as unknown)]),
  );
}

function isWhole({ reason, variant, errorCode, errorMessage }: Evaluation): boolean {
  const failed = errorCode !== undefined && errorMessage !== undefined && reason === 'ERROR';
  return failed || (reason !== 'ERROR' && variant !== undefined);
}

/** Null where there is no answer, as in the rounds. */
function membership(ruleset: Ruleset, key: string, context: unknown): boolean | null {
  const audience = ruleset.audience(key);
  if (audience === undefined || !isContext(context)) return null;
  ruleset.visits = 0;
  const outcome = audience.test(ruleset, context, 1);
  return outcome >= BROKEN ? null : outcome === YES;
}
