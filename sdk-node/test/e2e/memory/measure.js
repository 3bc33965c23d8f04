/**
 * What stays in the heap after many evaluations, updates and clients: run by memory.test.ts in a process of its own, with
 * `--expose-gc`, against the built package. Prints one object with the growth of each in bytes.
 *
 *   node --expose-gc measure.js <url of a server whose stream has 1.1 times <updates> patches> <updates> <evaluations> <clients>
 */
import { setImmediate } from 'node:timers/promises';
import { createClient, staticSource } from '@fauna-flags/node';

const [url, updates, evaluations, clients] = [process.argv[2], ...process.argv.slice(3).map(Number)];

/** The heap without what is garbage. */
async function heapBytes() {
  for (let round = 0; round < 4; round += 1) {
    await setImmediate();
    globalThis.gc();
  }
  return process.memoryUsage().heapUsed;
}

/** How much the heap grows over `count`, after code was compiled and caches were filled by a `warmUp`. */
async function growth(warmUp, count, work) {
  await work(0, warmUp);
  const before = await heapBytes();
  await work(warmUp, warmUp + count);
  return (await heapBytes()) - before;
}

async function evaluate() {
  const condition = { attribute: 'country', type: 'string', operator: 'in', values: ['CA', 'US'] };
  const flag = {
    kind: 'boolean',
    enabled: true,
    offVariant: 'off',
    variants: { on: true, off: false },
    rules: [
      {
        id: 'r',
        match: 'any',
        audiences: [{ key: 'a' }],
        serve: { split: [{ variant: 'on', weight: 30_000 }], by: 'targetingKey' },
      },
    ],
    default: { variant: 'off' },
  };
  const ruleset = { flags: { flag }, audiences: { a: { match: 'all', conditions: [condition] } } };
  const fauna = await createClient({ source: staticSource(ruleset) });
  let on = 0;
  const grown = await growth(evaluations / 10, evaluations, (from, until) => {
    for (let call = from; call < until; call += 1) {
      const context = { targetingKey: `user-${call}`, country: 'CA' };
      if (call % 10 === 0) on += fauna.booleanDetails('flag', context, false).value ? 1 : 0;
      else on += fauna.boolean('flag', context, false) ? 1 : 0;
    }
  });
  await fauna.close();
  if (Math.abs(on / evaluations / 1.1 - 0.3) > 0.01) throw new Error(`${on} are not 30 %`);
  return grown;
}

async function update() {
  const fauna = await createClient({ url, key: 'updates' });
  const reached = (revision) =>
    new Promise((resolve) => {
      const check = () => fauna.position.revision >= revision && resolve();
      fauna.on('change', check);
      check();
    });
  const grown = await growth(updates / 10, updates, (_from, until) => reached(until));
  await fauna.close();
  return grown;
}

/**
 * What is still open though every client was closed. A socket is told that it is closed in some later turn, so this looks
 * again until there is nothing, for ten seconds at most. The output is a pipe of this process itself.
 */
async function resourcesLeft() {
  const deadline = Date.now() + 10_000;
  for (;;) {
    const resources = process.getActiveResourcesInfo().filter((resource) => resource !== 'PipeWrap');
    if (resources.length === 0 || Date.now() > deadline) return resources;
    await setImmediate();
  }
}

async function createAndClose() {
  return growth(clients, clients, async (from, until) => {
    for (let client = from; client < until; client += 1) {
      const fauna = await createClient({ url, key: 'clients' });
      fauna.on('change', () => undefined);
      if (!fauna.boolean('flag', {}, false)) throw new Error('the client has no values');
      await fauna.close();
    }
  });
}

const grown = { evaluations: await evaluate(), updates: await update(), clients: await createAndClose() };
console.log(JSON.stringify({ grown, resources: await resourcesLeft() }));
