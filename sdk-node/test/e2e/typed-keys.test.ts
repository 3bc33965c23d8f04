/** Typed keys from the database to the compiler: `fauna-flags generate` against a real bridge, then TypeScript. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { Cluster } from './support/cluster.ts';
import { run } from './support/process.ts';
import { Scene } from './support/scene.ts';

const PACKAGE = fileURLToPath(new URL('../..', import.meta.url));
const CLI = join(PACKAGE, 'dist/cli.js');

const SETUP = `
  SELECT fauna.create_flag('checkout');
  SELECT fauna.create_flag('theme', 'string', '{"light": "#fff", "dark": "#000"}');
  SELECT fauna.create_flag('limit', 'number', '{"low": 1, "high": 2.5}');
  SELECT fauna.create_flag('page.layout', 'json', '{"a": {"columns": 1}, "b": {}}');
`;

let cluster: Cluster;
let scene: Scene;
let folder: string;
let file: string;

beforeAll(async () => {
  cluster = await Cluster.start();
  scene = await Scene.set(cluster, SETUP);
});

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'fauna-typed-'));
  file = join(folder, 'fauna-flags.d.ts');
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

afterAll(async () => {
  await scene.end();
  await cluster.stop();
});

/** Runs the command as npx does, with the key in the environment. */
function generate(...args: string[]): Promise<string> {
  const env = { ...process.env, FAUNA_URL: scene.bridge.url, FAUNA_SERVER_KEY: scene.key };
  return run(process.execPath, [CLI, 'generate', '--out', file, ...args], { env });
}

/** The numbers of the lines that TypeScript finds fault with, in a file of the application beside the declaration. */
function faultyLines(declaration: string, code: string, extension: 'mts' | 'cts' = 'mts'): number[] {
  const [flags, application] = [`flags.d.${extension}`, `application.${extension}`].map((name) =>
    join(PACKAGE, name),
  ) as [string, string];
  const texts = new Map([
    [flags, declaration],
    [application, code],
  ]);
  const options: ts.CompilerOptions = {
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    target: ts.ScriptTarget.ES2023,
    types: [],
  };
  const host = ts.createCompilerHost(options);
  host.fileExists = (path) => texts.has(path) || ts.sys.fileExists(path);
  host.readFile = (path) => texts.get(path) ?? ts.sys.readFile(path);
  const program = ts.createProgram([...texts.keys()], options, host);
  const lines = ts.getPreEmitDiagnostics(program).map(({ file: place, start = 0, messageText }) => {
    if (place?.fileName !== application) {
      throw new Error(ts.flattenDiagnosticMessageText(messageText, '\n'));
    }
    return place.getLineAndCharacterOfPosition(start).line + 1;
  });
  return [...new Set(lines)];
}

/** The numbers of the lines that end in `// wrong`. */
function wrongLines(code: string): number[] {
  return code.split('\n').flatMap((line, index) => (line.endsWith('// wrong') ? [index + 1] : []));
}

const APPLICATION = `import type { EvaluationDetails, FaunaClient } from '@fauna-flags/node';
declare const fauna: FaunaClient;
export const good: [boolean, string, number, { columns: number }] = [
  fauna.boolean('checkout', {}, false),
  fauna.string('theme', {}, '#fff'),
  fauna.number('limit', {}, 1),
  fauna.json('page.layout', {}, { columns: 1 }),
];
export const details: EvaluationDetails<boolean> = fauna.booleanDetails('checkout', {}, false);
fauna.boolean('chekout', {}, false); // wrong
fauna.boolean('theme', {}, false); // wrong
fauna.string('checkout', {}, ''); // wrong
fauna.number('page.layout', {}, 1); // wrong
fauna.json('checkout', {}, {}); // wrong
fauna.boolean('checkout', {}, 'false'); // wrong
fauna.number('limit', {}, '1'); // wrong
fauna.booleanDetails('chekout', {}, false); // wrong
fauna.stringDetails('limit', {}, ''); // wrong
fauna.numberDetails('theme', {}, 1); // wrong
fauna.jsonDetails('nothing', {}, {}); // wrong
`;

test('the flags of the database are the keys that compile, in both module systems', async () => {
  expect(await generate()).toBe(`${file}: 4 flags`);
  const declaration = readFileSync(file, 'utf8');
  expect(faultyLines(declaration, APPLICATION)).toEqual(wrongLines(APPLICATION));
  expect(faultyLines(declaration, APPLICATION, 'cts')).toEqual(wrongLines(APPLICATION));
});

test('without a declaration every key compiles', () => {
  const code = APPLICATION.split('\n').filter((line) => !/'false'\)|'1'\)/.test(line));
  expect(faultyLines('export {};', code.join('\n'))).toEqual([]);
});

test('a declaration by hand may know the texts of a flag and the shape of another', () => {
  const declaration = `import '@fauna-flags/node';
declare module '@fauna-flags/node' {
  interface Flags {
    theme: 'dark' | 'light';
    limits: { readonly perMinute: number };
    free: JsonValue;
  }
}
import type { JsonValue } from '@fauna-flags/node';
`;
  const code = `import type { FaunaClient } from '@fauna-flags/node';
declare const fauna: FaunaClient;
export const theme: 'dark' | 'light' = fauna.string('theme', {}, 'dark');
export const { perMinute } = fauna.json('limits', {}, { perMinute: 1 });
export const mine: { own: number } = fauna.json('free', {}, { own: 1 });
export const known: 'dark' | 'light' = fauna.stringDetails('theme', {}, 'dark').value;
fauna.string('theme', {}, 'blue'); // wrong
fauna.json('limits', {}, { perHour: 1 }); // wrong
fauna.json('limits', {}, {}); // wrong
`;
  expect(faultyLines(declaration, code)).toEqual(wrongLines(code));
});

test('--openfeature makes a wrong key an error in OpenFeature’s client, too', async () => {
  await generate('--openfeature');
  const code = `import { OpenFeature } from '@openfeature/server-sdk';
import { FaunaProvider } from '@fauna-flags/node/openfeature';
OpenFeature.setProvider(new FaunaProvider({ url: 'http://bridge', key: 'k' }));
const flags = OpenFeature.getClient();
void flags.getBooleanValue('checkout', false);
void flags.getStringDetails('theme', '');
void flags.getNumberValue('limit', 1);
void flags.getObjectValue('page.layout', {});
void flags.getBooleanValue('chekout', false); // wrong
void flags.getStringDetails('checkout', ''); // wrong
void flags.getNumberValue('theme', 1); // wrong
void flags.getObjectValue('limit', {}); // wrong
`;
  expect(faultyLines(readFileSync(file, 'utf8'), code)).toEqual(wrongLines(code));
});

test('--check fails when the database has another flag', async () => {
  await generate();
  expect(await generate('--check')).toBe(`${file} is up to date: 4 flags`);
  await scene.sql(`SELECT fauna.create_flag('new-one')`);
  await scene.caughtUp();
  await expect(generate('--check')).rejects.toThrow(`ended with 1:\n${file} is out of date`);
  await scene.sql(`SELECT fauna.delete_flag('new-one')`);
  await scene.caughtUp();
  await generate('--check');
});
