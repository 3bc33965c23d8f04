/**
 * Reads the ruleset from a file of JSON, and again whenever it changes: for work offline, for deployments that ship
 * their flags, for whatever writes files.
 *
 * The file's folder is watched rather than the file, so that a replacement by rename is noticed, and so is a Kubernetes
 * ConfigMap, where only a link beside the file changes. Watching fails silently on some network file systems and for
 * what a link points at elsewhere; therefore the file is also looked at every `checkIntervalMs`, which costs one `stat`.
 *
 * The file is the word of whoever writes it: what it says applies, whatever its revision. What cannot be read changes
 * nothing and is said, once for each way in which it cannot.
 */
import { createHash } from 'node:crypto';
import { watch } from 'node:fs';
import type { FSWatcher } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { duration } from '../../duration.ts';
import { FaunaError } from '../../fauna-error.ts';
import { SingleTimer } from '../../single-timer.ts';
import type { DataSink, DataSource, SourceFactory, SourceHost } from '../data-source.ts';
import { readRuleset } from '../ruleset-json.ts';

export interface FileSourceOptions {
  /** How often to look at the file even if nothing says that it changed, at least 100. 5 000 by default. */
  readonly checkIntervalMs?: number;
}

/** A file that is written to in place is not looked at in the middle of it, if that can be helped. */
const SETTLE_MS = 50;

/**
 * A source that reads a file: what `GET /v1/ruleset` answers, or as little of it as `{"flags": {…}}`. Throws a
 * TypeError for a path or an option that cannot be one.
 *
 * @example
 * const fauna = await createClient({ source: fileSource('flags.json') });
 */
export function fileSource(path: string | URL, options: FileSourceOptions = {}): SourceFactory {
  const isPath = typeof path === 'string' ? path !== '' : path instanceof URL && path.protocol === 'file:';
  if (!isPath) throw new TypeError('the path of a file source must be a text or a file: URL');
  const absolute = resolve(typeof path === 'string' ? path : fileURLToPath(path));
  const intervalMs = duration('checkIntervalMs', options.checkIntervalMs, 5000, 100);
  return { createSource: (host) => new FileSource(absolute, intervalMs, host) };
}

class FileSource implements DataSource {
  readonly #path: string;
  readonly #intervalMs: number;
  readonly #host: SourceHost;
  readonly #soon: SingleTimer;
  readonly #later: SingleTimer;
  #isClosed = false;
  #watcher: FSWatcher | undefined;
  #unwatchable: string | undefined;
  #looking: Promise<void> = Promise.resolve();
  #seen: string | undefined;
  #content: string | undefined;
  #failure: string | undefined;
  #reads = 0;

  constructor(path: string, intervalMs: number, host: SourceHost) {
    this.#path = path;
    this.#intervalMs = intervalMs;
    this.#host = host;
    this.#soon = new SingleTimer(host.runtime);
    this.#later = new SingleTimer(host.runtime);
  }

  start(sink: DataSink): void {
    this.#look(sink);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#soon.clear();
    this.#later.clear();
    this.#unwatch();
    await this.#looking;
  }

  /** Looks once more after whatever look is under way, and then at intervals. */
  #look(sink: DataSink): void {
    this.#soon.clear();
    this.#later.clear();
    // Watching begins before the look, so that no change falls between them.
    this.#watch(sink);
    this.#looking = this.#looking.then(async () => {
      if (this.#isClosed) return;
      await this.#check(sink);
      this.#lookLater(sink);
    });
  }

  #lookLater(sink: DataSink): void {
    if (this.#isClosed || this.#soon.isSet) return;
    this.#later.set(this.#intervalMs, () => {
      this.#look(sink);
    });
  }

  #watch(sink: DataSink): void {
    if (this.#watcher !== undefined) return;
    try {
      this.#watcher = watch(dirname(this.#path), () => {
        if (this.#isClosed || this.#soon.isSet) return;
        this.#soon.set(SETTLE_MS, () => {
          this.#look(sink);
        });
      });
      this.#watcher.on('error', (error) => {
        this.#cannotWatch(error);
      });
      this.#unwatchable = undefined;
    } catch (error) {
      this.#cannotWatch(error);
    }
  }

  #cannotWatch(error: unknown): void {
    this.#unwatch();
    const reason = codeOf(error);
    if (reason === this.#unwatchable) return;
    this.#unwatchable = reason;
    this.#host.logger.warn(
      `the folder of ${this.#path} cannot be watched (${reason}): the file is looked at every ${this.#intervalMs} ms`,
    );
  }

  #unwatch(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
  }

  /** Reads the file if it is another than before. Never rejects. */
  async #check(sink: DataSink): Promise<void> {
    try {
      const { mtimeMs, ctimeMs, size, ino } = await stat(this.#path);
      const seen = [mtimeMs, ctimeMs, size, ino].join();
      if (seen === this.#seen) return;
      const text = await readFile(this.#path, 'utf8');
      if (this.#isClosed) return;
      this.#read(sink, text);
      this.#seen = seen;
    } catch (error) {
      this.#seen = undefined;
      if (!this.#isClosed)
        this.#failed(sink, `the file ${this.#path} cannot be read: ${codeOf(error)}`, error);
    }
  }

  #read(sink: DataSink, text: string): void {
    const content = createHash('sha256').update(text).digest('hex');
    if (content === this.#content && this.#failure === undefined) return;
    let payload;
    try {
      payload = readRuleset(JSON.parse(text), this.#reads + 1);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#failed(sink, `the file ${this.#path} is no ruleset: ${reason}`, error);
      return;
    }
    this.#failure = undefined;
    if (content !== this.#content) {
      this.#content = content;
      this.#reads += 1;
      sink.apply(payload, { mayGoBack: true, isServerStale: false });
    }
    sink.live(false);
  }

  #failed(sink: DataSink, message: string, cause: unknown): void {
    if (message === this.#failure) return;
    this.#failure = message;
    sink.interrupted(new FaunaError('FILE', message, { cause }));
  }
}

function codeOf(error: unknown): string {
  const { code, message } = error as { readonly code?: unknown; readonly message?: unknown };
  return typeof code === 'string' ? code : String(message);
}
