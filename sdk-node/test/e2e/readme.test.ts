/** The examples of README.md run as they stand: with the built package, a real bridge, and nothing on the error output. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Cluster } from './support/cluster.ts';
import { collect } from './support/process.ts';
import { Scene } from './support/scene.ts';

const FOLDER = fileURLToPath(new URL('../..', import.meta.url));

const README = readFileSync(join(FOLDER, 'README.md'), 'utf8');

/** Those that make a client of their own, by the heading above; fragments that show a call are not programs. */
const EXAMPLES = [...README.matchAll(/^```js\n(.*?)^```$/gms)]
  .map((found) => [headingBefore(found.index), found[1] ?? ''] as const)
  .filter(([, text]) => text.includes('await createClient('));

function headingBefore(index: number): string {
  return [...README.slice(0, index).matchAll(/^#+ (.*)$/gm)].at(-1)?.[1] ?? '';
}

let cluster: Cluster;
let scene: Scene;
let folder: string;

beforeAll(async () => {
  cluster = await Cluster.start();
  scene = await Scene.set(cluster, `SELECT fauna.create_flag('checkout'); SELECT fauna.enable('checkout');`);
  folder = await mkdtemp(join(tmpdir(), 'fauna-e2e-readme-'));
});

afterAll(async () => {
  await scene.end();
  await cluster.stop();
  await rm(folder, { recursive: true });
});

test('every source has an example', () => {
  const sources = ['Poll', 'Cache on disk', 'Bootstrap', 'File', 'Static', 'Unit tests', 'Your own'];
  expect(EXAMPLES.map(([heading]) => heading)).toEqual(expect.arrayContaining(sources));
});

test.each(EXAMPLES)('the example of %s prints what it says', async (_name, text) => {
  const program = text
    .replaceAll('http://127.0.0.1:8765', scene.bridge.url)
    .replaceAll(/'(?:\/tmp|\.)\//g, `'${folder}/`);
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    cwd: FOLDER,
    env: { ...process.env, FAUNA_SERVER_KEY: scene.key },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [output, errors] = [collect(child.stdout), collect(child.stderr)];
  const [code] = (await once(child, 'close')) as [number];
  expect([code, errors.join('')]).toEqual([0, '']);

  // What stands behind a line that prints is what it prints; an example without such a word talks to the bridge.
  const printed = output.join('').split('\n').slice(0, -1);
  const promised = [...text.matchAll(/^console\.log\(.*\); \/\/ (.*)$/gm)].map(([, word]) => word);
  if (promised.length > 0) expect(printed).toEqual(promised);
  else if (text.includes('console.log(fauna.status')) expect(printed).toEqual(['ready true']);
});
