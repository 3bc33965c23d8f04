// Makes the fuzz targets' first inputs of the vectors in conformance/, one file a row or case, into fuzz/seeds/<target>/.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';

const vectors = new URL('../conformance/', import.meta.url);
const seeds = new URL('seeds/', import.meta.url);

/** What a file of vectors gives to which target. */
function inputsOf(name, content) {
  if (name === 'put-patch.json') return ['payloads', content.rows];
  if (name === 'check-condition.json') return ['conditions', content.rows];
  const { flags = {}, audiences = {} } = content.ruleset ?? {};
  const cases = content.cases ?? [];
  // A bound's ruleset is too large for a mutation to mean anything.
  const fits = JSON.stringify({ flags, audiences }).length < 16_000;
  return ['contexts', fits ? cases.map(({ context, now }) => ({ flags, audiences, context, now })) : []];
}

rmSync(seeds, { recursive: true, force: true });
for (const target of ['payloads', 'conditions', 'contexts', 'rounds']) {
  mkdirSync(new URL(`${target}/`, seeds), { recursive: true });
  mkdirSync(new URL(`corpus/${target}/`, import.meta.url), { recursive: true });
}
for (const name of readdirSync(vectors).filter((name) => name.endsWith('.json'))) {
  const [target, inputs] = inputsOf(name, JSON.parse(readFileSync(new URL(name, vectors), 'utf8')));
  for (const [place, input] of inputs.entries()) {
    writeFileSync(new URL(`${target}/${name}-${place}`, seeds), JSON.stringify(input));
  }
}
// Choices enough for a round, all of them different.
for (let seed = 1; seed <= 16; seed += 1) {
  const bytes = Uint8Array.from({ length: 4096 }, (_, place) => (Math.imul(place + seed, 2654435761) >>> 13) & 0xff);
  writeFileSync(new URL(`rounds/${seed}`, seeds), bytes);
}
