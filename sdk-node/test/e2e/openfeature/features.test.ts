/**
 * OpenFeature's features, through its own SDK, our provider, a real bridge and PostgreSQL. README.md beside this tells how
 * to run the public files instead of ours, and why there are ours.
 */
import { readFileSync } from 'node:fs';
import { AsyncLocalStorageTransactionContextPropagator, OpenFeature } from '@openfeature/server-sdk';
import { afterAll, beforeAll } from 'vitest';
import { Cluster } from '../support/cluster.ts';
import { runFeatures } from '../support/gherkin.ts';
import type { Scenario } from '../support/gherkin.ts';
import { Scene } from '../support/scene.ts';
import { STEPS } from './steps.ts';
import { World } from './world.ts';

let cluster: Cluster;
let scene: Scene;

beforeAll(async () => {
  cluster = await Cluster.start();
  scene = await Scene.set(cluster, readFileSync(new URL('flags.sql', import.meta.url), 'utf8'));
  OpenFeature.setTransactionContextPropagator(new AsyncLocalStorageTransactionContextPropagator());
});

afterAll(async () => {
  await scene.end();
  await cluster.stop();
});

runFeatures(process.env.OPENFEATURE_GHERKIN ?? import.meta.dirname, {
  steps: STEPS,
  world: () => new World(scene),
  end: (world) => world.end(),
  isLeftOut,
});

/** Scenarios of the public files that ask for what no provider has to do, and Fauna does otherwise. */
function isLeftOut({ tags, text }: Scenario): boolean {
  return (
    // Of an older form of the suite, which the file beside it replaces.
    tags.includes('@deprecated') ||
    // Nothing is cached: every evaluation is one.
    tags.includes('@reason-codes-cached') ||
    // Flags with metadata of their own, and flags without any: here each has `version` and `flagSetId`.
    text.includes('"metadata-flag"') ||
    text.includes('the resolved metadata is empty') ||
    // A disabled flag serves its off variant, which here is not the fallback.
    text.includes('value should be "{\\"a\\": 1}"\nthe reason should be "DISABLED"')
  );
}
