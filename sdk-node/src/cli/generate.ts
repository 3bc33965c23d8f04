/** `fauna-flags generate`: writes which flags there are for the compiler, or checks that it is still so. */
import { readFile, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { CommandError, reasonOf } from './command-error.ts';
import { declarationOf } from './declaration.ts';
import { fetchManifest, manifestOfFile } from './manifest.ts';
import type { ManifestFlag } from './manifest.ts';

/** What the command needs from the process around it. */
export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly out: (line: string) => void;
  readonly err: (line: string) => void;
}

const USAGE = `Usage: fauna-flags generate [options]

Writes a declaration file from which TypeScript knows every flag and its type.

  --url <url>        the bridge; by default FAUNA_URL
  --key <key>        an SDK key; by default FAUNA_SERVER_KEY (a command line can be seen by others)
  --manifest <file>  a flag manifest to read instead of asking a bridge
  --out <file>       what to write; by default fauna-flags.d.ts
  --openfeature      declares the keys for OpenFeature's SDK, too
  --check            writes nothing, and fails if the file is not what would be written

Exit codes: 0 done, 1 the file is out of date (--check), 2 anything else.`;

const OPTIONS = {
  url: { type: 'string' },
  key: { type: 'string' },
  manifest: { type: 'string' },
  out: { type: 'string', default: 'fauna-flags.d.ts' },
  openfeature: { type: 'boolean', default: false },
  check: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

type Arguments = ReturnType<typeof readArguments>['values'];

/** Runs the command and returns its exit code. */
export async function generate(args: readonly string[], terminal: Terminal): Promise<number> {
  try {
    const { values, positionals } = readArguments(args);
    if (values.help) {
      terminal.out(USAGE);
      return 0;
    }
    if (positionals.length !== 1 || positionals[0] !== 'generate') throw new UsageError('no such command');
    return await write(values, terminal);
  } catch (error) {
    if (error instanceof UsageError) terminal.err(`fauna-flags: ${error.message}\n\n${USAGE}`);
    // Whatever it is: thrown on, it would end the process with 1, which says that the file is out of date.
    else terminal.err(`fauna-flags: ${reasonOf(error)}`);
    return 2;
  }
}

class UsageError extends Error {
  override readonly name = 'UsageError';
}

function readArguments(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw new UsageError(reasonOf(error));
  }
}

async function write(values: Arguments, terminal: Terminal): Promise<number> {
  const flags = await manifestOf(values, terminal.env);
  const wanted = declarationOf(flags, { openFeature: values.openfeature });
  const present = await textOf(values.out);
  if (present === wanted) {
    terminal.out(`${values.out} is up to date: ${flags.length} flags`);
    return 0;
  }
  if (values.check) {
    const what = present === undefined ? 'does not exist' : 'is out of date';
    terminal.err(`${values.out} ${what}: run fauna-flags generate`);
    return 1;
  }
  await writeFile(values.out, wanted).catch((error: unknown) => {
    throw new CommandError(`${values.out} cannot be written: ${reasonOf(error)}`);
  });
  terminal.out(`${values.out}: ${flags.length} flags`);
  return 0;
}

function manifestOf(values: Arguments, env: Terminal['env']): Promise<readonly ManifestFlag[]> {
  if (values.manifest !== undefined) {
    if (values.url !== undefined || values.key !== undefined) {
      throw new UsageError('--manifest goes without --url and --key');
    }
    return manifestOfFile(values.manifest);
  }
  const url = values.url ?? env.FAUNA_URL;
  const key = values.key ?? env.FAUNA_SERVER_KEY;
  if (url === undefined || !URL.canParse(url))
    throw new UsageError('the address of a bridge is needed: --url');
  if (key === undefined || key === '') throw new UsageError('an SDK key is needed: --key');
  return fetchManifest(url, key);
}

/** What a file has; undefined if there is none. */
async function textOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new CommandError(`${path} cannot be read: ${reasonOf(error)}`);
  }
}
