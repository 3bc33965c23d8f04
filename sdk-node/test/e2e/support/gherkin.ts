/**
 * Runs Gherkin as Vitest tests: the parser and the expansion of outlines are Cucumber's own, a scenario is a test, and
 * its steps are looked up in a table. So scenarios are counted, filtered and reported like every other test.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { AstBuilder, compile, GherkinClassicTokenMatcher, Parser } from '@cucumber/gherkin';
import { IdGenerator } from '@cucumber/messages';
import type { Pickle, PickleStep } from '@cucumber/messages';
import { describe, test } from 'vitest';

/** What a step does: with the world of its scenario, what its pattern captured, and the rows of its table. */
export type StepAction<World> = (
  world: World,
  captured: readonly string[],
  rows: readonly string[][],
) => unknown;

export type Steps<World> = readonly (readonly [RegExp, StepAction<World>])[];

export interface FeatureOptions<World> {
  readonly steps: Steps<World>;
  readonly world: () => World;
  /** Called after every scenario, whatever became of it. */
  readonly end: (world: World) => Promise<void>;
  /** Scenarios that are left out. */
  readonly isLeftOut?: (scenario: Scenario) => boolean;
}

export interface Scenario {
  readonly tags: readonly string[];
  /** Its steps, one a line. */
  readonly text: string;
}

/** Declares a test for every scenario in the `.feature` files of a folder. */
export function runFeatures<World>(folder: string, options: FeatureOptions<World>): void {
  const files = readdirSync(folder).filter((name) => name.endsWith('.feature'));
  if (files.length === 0) throw new Error(`${folder} has no .feature files`);
  for (const file of files) {
    const pickles = picklesOf(join(folder, file)).filter((pickle) => !isLeftOut(pickle, options));
    // A suite without tests would be a failure.
    if (pickles.length > 0) {
      describe(file, () => {
        for (const pickle of pickles) declare(pickle, options);
      });
    }
  }
}

function isLeftOut<World>({ tags, steps }: Pickle, options: FeatureOptions<World>): boolean {
  const text = steps.map((step) => step.text).join('\n');
  return options.isLeftOut?.({ tags: tags.map((tag) => tag.name), text }) ?? false;
}

function declare<World>(pickle: Pickle, { steps, world, end }: FeatureOptions<World>): void {
  const text = pickle.steps.map((step) => step.text).join('\n');
  // Scenarios of an outline share their name; what tells them apart are the values in their steps.
  const values = [...new Set(text.match(/"[^"\n]*"/g))].join(' ');
  test(`${pickle.name} ${values}`, async () => {
    const present = world();
    try {
      for (const step of pickle.steps) await perform(step, steps, present);
    } finally {
      await end(present);
    }
  });
}

async function perform<World>(step: PickleStep, steps: Steps<World>, world: World): Promise<void> {
  const matches = steps.flatMap(([pattern, action]) => {
    const match = pattern.exec(step.text);
    return match === null ? [] : [{ action, captured: match.slice(1) }];
  });
  const [match] = matches;
  if (match === undefined || matches.length > 1) {
    throw new Error(`${matches.length} step definitions match: ${step.text}`);
  }
  const rows = step.argument?.dataTable?.rows ?? [];
  await match.action(
    world,
    match.captured,
    rows.map((row) => row.cells.map((cell) => cell.value)),
  );
}

function picklesOf(path: string): readonly Pickle[] {
  const newId = IdGenerator.incrementing();
  const parser = new Parser(new AstBuilder(newId), new GherkinClassicTokenMatcher());
  return compile(parser.parse(readFileSync(path, 'utf8')), path, newId);
}
