/**
 * Reading a flag manifest, in either of the forms that OpenFeature has for it: the list that a bridge serves, and the
 * object that `openfeature pull` makes of it.
 */
import { readFile } from 'node:fs/promises';
import { isJsonObject } from '../evaluator/json-value.ts';
import type { FlagKind } from '../evaluator/flag.ts';
import { USER_AGENT } from '../user-agent.ts';
import { CommandError, reasonOf } from './command-error.ts';

/** What a manifest says of a flag, as far as types go. */
export interface ManifestFlag {
  readonly key: string;
  readonly kind: FlagKind;
}

interface Answer {
  readonly status: number;
  /** Only of a good one. */
  readonly text: string | undefined;
}

const ANSWER_WITHIN_MS = 10_000;

/** Asks a bridge. Rejects with a {@link CommandError}. */
export async function fetchManifest(url: string, key: string): Promise<readonly ManifestFlag[]> {
  const address = `${url.replace(/\/+$/, '')}/openfeature/v0/manifest`;
  const { status, text } = await ask(address, key).catch((error: unknown) => {
    throw new CommandError(`${address} cannot be reached: ${reasonOf(error)}`);
  });
  if (status === 401) throw new CommandError(`${address} refuses the key: it is unknown, revoked or expired`);
  if (text === undefined) throw new CommandError(`${address} answered ${status}`);
  return readManifest(text, address);
}

/** Asks once. The connection may break in the middle of the text, too. */
async function ask(address: string, key: string): Promise<Answer> {
  const response = await fetch(address, {
    headers: { authorization: `Bearer ${key}`, 'user-agent': USER_AGENT },
    redirect: 'manual',
    signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
  });
  return { status: response.status, text: response.ok ? await response.text() : undefined };
}

/** Reads a file. Rejects with a {@link CommandError}. */
export async function manifestOfFile(path: string): Promise<readonly ManifestFlag[]> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new CommandError(`${path} cannot be read: ${reasonOf(error)}`);
  });
  return readManifest(text, path);
}

/** Reads a manifest; `place` is where it came from, for the error. Throws a {@link CommandError}. */
function readManifest(text: string, place: string): readonly ManifestFlag[] {
  const flags = flagsOf(text);
  if (Array.isArray(flags)) return flags.map((flag: unknown) => readFlag(flag, undefined, place));
  if (isJsonObject(flags)) return Object.entries(flags).map(([key, flag]) => readFlag(flag, key, place));
  throw new CommandError(`${place} is no flag manifest`);
}

function flagsOf(text: string): unknown {
  try {
    const manifest: unknown = JSON.parse(text);
    return isJsonObject(manifest) ? manifest.flags : undefined;
  } catch {
    return undefined;
  }
}

/** A flag of a list names its key, one of an object is found under it. */
function readFlag(flag: unknown, keyInObject: string | undefined, place: string): ManifestFlag {
  const members = isJsonObject(flag) ? flag : {};
  const key = keyInObject ?? members.key;
  if (typeof key !== 'string') throw new CommandError(`${place} has a flag without a key`);
  const kind = kindOf(members.type ?? members.flagType);
  if (kind === undefined) throw new CommandError(`${place} has no known type for the flag ${key}`);
  return { key, kind };
}

function kindOf(type: unknown): FlagKind | undefined {
  switch (type) {
    case 'boolean':
    case 'string':
      return type;
    case 'integer':
    case 'float':
    case 'number':
      return 'number';
    case 'object':
      return 'json';
    default:
      return undefined;
  }
}
