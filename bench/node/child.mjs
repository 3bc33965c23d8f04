// One product in a process of its own. Answers questions of the parent one by one.
import { handwritten, conditions } from './handwritten.mjs';
import { keysOf, load, MEASURED, RULES } from './products.mjs';
import { USERS } from './users.mjs';

// How long a batch takes, about: short enough that one in which the machine did something else stands out.
const BATCH_NS = 8e6;
const WARM_UP_NS = 4e8;

// What a product says about itself is not part of the result.
for (const level of ['log', 'info', 'warn', 'error', 'debug']) console[level] = () => undefined;

const [product, flagCount] = process.argv.slice(2);
const { contextOf, environmentOf, start } = await load(product);
const contexts = USERS.map(contextOf);
const keys = keysOf(Number(flagCount));

function run(evaluate, first, calls) {
  let on = 0;
  const begin = process.hrtime.bigint();
  for (let call = first; call < first + calls; call += 1) if (evaluate(MEASURED, contexts[call & 1023])) on += 1;
  return { ns: Number(process.hrtime.bigint() - begin), on };
}

async function runAsync(evaluate, first, calls) {
  let on = 0;
  const begin = process.hrtime.bigint();
  for (let call = first; call < first + calls; call += 1) if (await evaluate(MEASURED, contexts[call & 1023])) on += 1;
  return { ns: Number(process.hrtime.bigint() - begin), on };
}

// Every product has to decide as the handwritten condition does. Its rollout has another hash, so of those who meet the conditions
// as many have to be in it, within six standard deviations, and nobody else.
async function check(rule, evaluate) {
  const met = USERS.filter(conditions[rule]).length;
  let on = 0;
  for (const [index, user] of USERS.entries()) {
    const value = await evaluate(MEASURED, contexts[index]);
    if (value !== conditions[rule](user) && (value || rule === 'ten')) throw new Error(`${product} disagrees about user ${index} (${rule})`);
    if (product.startsWith('fauna') && value !== handwritten[rule](user)) throw new Error(`${product} has another rollout`);
    if (value) on += 1;
  }
  if (rule === 'rollout' && Math.abs(on - met * 0.3) > 6 * Math.sqrt(met * 0.3 * 0.7)) throw new Error(`${product}: ${on} of ${met} in 30 %`);
}

const rows = {};

async function prepare() {
  for (const rule of Object.keys(RULES)) {
    const started = await start(environmentOf(keys, rule), rule);
    const batch = started.isAsync ? runAsync : run;
    // What evaluates ten thousand flags to answer for one is checked with fewer.
    if (!(started.isWhole && keys.length > 10)) await check(rule, started.evaluate);
    let [calls, next, ns] = [8, 0, 0];
    for (const begin = process.hrtime.bigint(); Number(process.hrtime.bigint() - begin) < WARM_UP_NS; next += calls) {
      ({ ns } = await batch(started.evaluate, next, calls));
      if (ns < BATCH_NS / 2) calls *= 2;
    }
    rows[rule] = { batch, evaluate: started.evaluate, calls, next };
  }
}

async function round(rule) {
  const row = rows[rule];
  const { ns } = await row.batch(row.evaluate, row.next, row.calls);
  row.next += row.calls;
  return ns / row.calls;
}

// From the flags' JSON text to the first answer; then the memory that stays, before and after every flag was asked for once.
async function startUp() {
  const text = { of: environmentOf(keys, 'rollout') };
  // Some answer from a fetch of their own; what Node loads for that is nobody's.
  await new Response('').text();
  // The text is there before and not after, so it does not count.
  const before = memory() - text.of.length;
  const begin = performance.now();
  // Kept, so that no collection takes what is measured.
  const started = (globalThis.kept = await start(text.of, 'rollout'));
  await started.evaluate(MEASURED, contexts[0]);
  const ms = performance.now() - begin;
  const json = text.of.length;
  text.of = undefined;
  const held = memory() - before;
  for (const key of started.isWhole ? [MEASURED] : keys) await started.evaluate(key, contexts[0]);
  return { ms, held, used: memory() - before, json };
}

// What V8 and what lies outside its heap take, after two full collections.
function memory() {
  globalThis.gc();
  globalThis.gc();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

const questions = { prepare, round, startUp };
process.on('message', async ({ question, argument }) => {
  try {
    process.send({ answer: (await questions[question](argument)) ?? null });
  } catch (error) {
    process.send({ error: error.stack });
  }
});
