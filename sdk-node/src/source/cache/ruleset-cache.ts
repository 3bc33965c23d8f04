/**
 * Rulesets on disk, for a start without the network. A folder may be shared by any number of processes and keys:
 *
 * - A file's name is made of a hash of the bridge's address and the key (never the key itself), a hash of the epoch,
 *   and the revision. So a newer state and an older one are never the same file, and nobody needs a lock to keep the
 *   newer: a process writes only what no file is ahead of, and removes only what it is ahead of.
 * - A file is written beside its place and renamed into it, so it is whole or not there; should it be neither, the
 *   seal in its first line does not fit. Then it is removed, with a warning.
 * - The seal is an HMAC under the key, so whoever can write to the folder without knowing the key cannot plant flags.
 * - A later format would have another ending, so two versions of this package do not harm each other.
 *
 * The files hold flags and audiences, and have mode 0600.
 */
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isJsonObject } from '../../evaluator/json-value.ts';
import { readPayload } from '../../evaluator/payload.ts';
import type { Payload, Position } from '../../evaluator/payload.ts';

const ENDING = '.v2.ruleset';
/** Until then another epoch's file may be a process's that is ahead, and an unfinished one that of a process at work. */
const ABANDONED_AFTER_MS = 3_600_000;

/** Whose rulesets these are. */
export interface CacheOwner {
  readonly url: string;
  readonly key: string;
}

interface Entry {
  readonly epochHash: string;
  readonly revision: number;
}

interface Saved {
  readonly savedAt: number;
  readonly payload: Payload;
}

export class RulesetCache {
  readonly #folder: string;
  readonly #owner: string;
  readonly #key: string;
  readonly #now: () => number;
  readonly #warn: (message: string) => void;

  constructor(folder: string, owner: CacheOwner, now: () => number, warn: (message: string) => void) {
    this.#folder = folder;
    this.#owner = hash(`fauna ruleset cache\n${owner.url}\n${owner.key}`).slice(0, 24);
    this.#key = owner.key;
    this.#now = now;
    this.#warn = warn;
  }

  /** The newest state that was kept; undefined if there is none that can be used. Never rejects. */
  async read(): Promise<Payload | undefined> {
    try {
      const names = (await this.#names()).filter((name) => this.#entryOf(name) !== undefined);
      const saved = await Promise.all(names.map((name) => this.#load(name)));
      return newest(saved.filter((one) => one !== undefined));
    } catch (error) {
      this.#warn(`the cache in ${this.#folder} cannot be read: ${reasonOf(error)}`);
      return undefined;
    }
  }

  /**
   * Keeps a state, unless a later one of its epoch is kept: that is another process's, or with `isTakenBack` one which
   * the server has since declared void.
   */
  async write({ epoch, revision }: Position, ruleset: string, isTakenBack: boolean): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const entry = { epochHash: hash(epoch).slice(0, 12), revision };
    const isAhead = (name: string): boolean => {
      const kept = this.#entryOf(name);
      return kept?.epochHash === entry.epochHash && kept.revision > revision;
    };
    if (!isTakenBack && (await this.#names()).some(isAhead)) return;

    const name = `${this.#prefix}${entry.epochHash}-${revision}${ENDING}`;
    const savedAt = new Date(this.#now()).toISOString();
    const head = JSON.stringify({ savedAt, hmac: this.#sealOf(savedAt, ruleset).toString('hex') });
    await this.#replace(name, `${head}\n${ruleset}`);
    const others = (await this.#names()).filter(
      (other) => other !== name && (isTakenBack || !isAhead(other)),
    );
    await this.#tidy(others, entry.epochHash, (await stat(join(this.#folder, name))).mtimeMs);
  }

  /** Removes what is over: earlier states of this epoch at once, all else when it has not been written for long. */
  async #tidy(names: readonly string[], epochHash: string, nowMs: number): Promise<void> {
    for (const name of names) {
      const isOver = this.#entryOf(name)?.epochHash === epochHash;
      if (isOver || nowMs - (await this.#writtenAt(name, nowMs)) > ABANDONED_AFTER_MS)
        await this.#remove(name);
    }
  }

  async #writtenAt(name: string, otherwise: number): Promise<number> {
    try {
      return (await stat(join(this.#folder, name))).mtimeMs;
    } catch (error) {
      if (isMissing(error)) return otherwise;
      throw error;
    }
  }

  get #prefix(): string {
    return `fauna-${this.#owner}-`;
  }

  /** What a name says; undefined for one that is no ruleset's. */
  #entryOf(name: string): Entry | undefined {
    const [, epochHash, revision] =
      /^([0-9a-f]+)-(\d+)\.v2\.ruleset$/.exec(name.slice(this.#prefix.length)) ?? [];
    return epochHash === undefined ? undefined : { epochHash, revision: Number(revision) };
  }

  async #names(): Promise<string[]> {
    const names = await readdir(this.#folder).catch((error: unknown) => {
      if (isMissing(error)) return [];
      throw error;
    });
    return names.filter((name) => name.startsWith(this.#prefix));
  }

  async #load(name: string): Promise<Saved | undefined> {
    let text: string;
    try {
      text = await readFile(join(this.#folder, name), 'utf8');
    } catch (error) {
      // Another process, further ahead, has removed it.
      if (isMissing(error)) return undefined;
      throw error;
    }
    try {
      return this.#verified(text);
    } catch (error) {
      this.#warn(`the cached ruleset ${join(this.#folder, name)} is ignored and removed: ${reasonOf(error)}`);
      await this.#remove(name);
      return undefined;
    }
  }

  #verified(text: string): Saved {
    const end = text.indexOf('\n');
    const ruleset = text.slice(end + 1);
    const head: unknown = JSON.parse(text.slice(0, Math.max(end, 0)));
    if (!isJsonObject(head)) throw new Error('it is damaged');
    const { savedAt, hmac } = head;
    if (typeof savedAt !== 'string' || typeof hmac !== 'string') throw new Error('it is damaged');
    const [seal, fitting] = [Buffer.from(hmac, 'hex'), this.#sealOf(savedAt, ruleset)];
    if (seal.length !== fitting.length || !timingSafeEqual(seal, fitting)) {
      throw new Error('it is damaged, or of another key');
    }
    return { savedAt: Date.parse(savedAt), payload: readPayload(JSON.parse(ruleset)) };
  }

  /** A file of another key or bridge, renamed by somebody, does not fit either. */
  #sealOf(savedAt: string, ruleset: string): Buffer {
    return createHmac('sha256', this.#key).update(`${this.#owner}\n${savedAt}\n${ruleset}`).digest();
  }

  async #replace(name: string, content: string): Promise<void> {
    const beside = join(this.#folder, `${name}.${randomBytes(6).toString('hex')}.tmp`);
    try {
      const file = await open(beside, 'wx', 0o600);
      try {
        await file.writeFile(content);
        // Otherwise a crash of the machine may leave the name without the content.
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(beside, join(this.#folder, name));
    } catch (error) {
      await rm(beside, { force: true });
      throw error;
    }
  }

  async #remove(name: string): Promise<void> {
    await rm(join(this.#folder, name), { force: true });
  }
}

/** The latest revision of the epoch that was saved last. */
function newest(saved: readonly Saved[]): Payload | undefined {
  const [last] = [...saved].sort((a, b) => b.savedAt - a.savedAt);
  return saved
    .map(({ payload }) => payload)
    .filter(({ epoch }) => epoch === last?.payload.epoch)
    .sort((a, b) => b.revision - a.revision)[0];
}

function isMissing(error: unknown): boolean {
  return (error as { readonly code?: unknown }).code === 'ENOENT';
}

export function reasonOf(error: unknown): string {
  const { code, message } = error as { readonly code?: unknown; readonly message?: unknown };
  return typeof code === 'string' ? code : String(message);
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
