/**
 * What an evaluation costs, beside a condition written by hand with the same meaning and the same hash in the same
 * run: `npm run bench`. Medians over many batches; the ratio is what to look at, the nanoseconds are the machine's.
 */
import { createClient } from '@fauna-flags/node';
import { handwritten } from './handwritten.js';
import { rulesetOf } from './ruleset.js';

/** Short batches: one in which the machine did something else stands out, and the median leaves it out. */
const BATCHES = 6000;
const PER_BATCH = 1024;

/** Users as an application would have them: different enough that nothing is constant. */
const USERS = Array.from({ length: 1024 }, (_, index) => ({
  targetingKey: `user-${index}`,
  country: ['CA', 'US', 'FR', 'DE'][index % 4],
  plan: ['free', 'pro'][index % 2],
  age: 15 + (index % 60),
  version: `2.${index % 30}.1`,
  email: `user-${index}@${index % 3 === 0 ? 'example.com' : 'example.org'}`,
  staff: index % 10 === 0,
  device: { os: ['ios', 'android'][index % 2] },
  language: ['en', 'fr', 'de'][index % 3],
  visits: index % 100,
}));

/** A client whose bridge is a string. */
async function clientOf(flagCount) {
  const put = JSON.stringify(rulesetOf(flagCount));
  const fetch = () =>
    Promise.resolve(
      new Response(
        new ReadableStream({
          start: (controller) => controller.enqueue(new TextEncoder().encode(`event: put\ndata: ${put}\n\n`)),
        }),
        { headers: { 'content-type': 'text/event-stream' } },
      ),
    );
  globalThis.gc?.();
  const heapBefore = process.memoryUsage().heapUsed;
  const start = performance.now();
  const client = await createClient({ url: 'http://bench', key: 'bench', runtime: { fetch } });
  const readyMs = performance.now() - start;
  globalThis.gc?.();
  return { client, readyMs, heapBytes: process.memoryUsage().heapUsed - heapBefore };
}

/** Median nanoseconds of one call. */
function measure(evaluate) {
  const samples = [];
  let on = 0;
  for (let batch = 0; batch < BATCHES; batch += 1) {
    const start = process.hrtime.bigint();
    for (let call = 0; call < PER_BATCH; call += 1) if (evaluate(USERS[call & 1023])) on += 1;
    samples.push(Number(process.hrtime.bigint() - start) / PER_BATCH);
  }
  samples.sort((a, b) => a - b);
  return { ns: samples[BATCHES / 2], on };
}

function row(name, evaluate, floor) {
  const { ns, on } = measure(evaluate);
  if (floor !== undefined && floor.on !== on) throw new Error(`${name} and its handwritten twin disagree`);
  const ratio = floor === undefined ? '' : `${(ns / floor.ns).toFixed(2)} x handwritten`;
  console.log(`${name.padEnd(44)} ${ns.toFixed(0).padStart(6)} ns  ${ratio}`);
  return { ns, on };
}

for (const flagCount of [1, 1000, 10_000]) {
  const { client, readyMs, heapBytes } = await clientOf(flagCount);
  const kib = (heapBytes / 1024).toFixed(0);
  console.log(`\n${flagCount} further flags: ready in ${readyMs.toFixed(1)} ms, ${kib} KiB of heap`);
  for (const [flag, title] of [
    ['rollout', 'country in list AND plan = pro AND 30 %'],
    ['ten', 'ten conditions'],
    ['static', 'on for everybody'],
  ]) {
    const floor = row(`${title}: handwritten`, handwritten[flag]);
    row(`${title}: boolean()`, (user) => client.boolean(flag, user, false), floor);
    row(`${title}: booleanDetails()`, (user) => client.booleanDetails(flag, user, false).value, floor);
  }
  await client.close();
}
