/** What `createClient` is told, checked and completed. */
import { duration } from '../duration.ts';
import type { Payload } from '../evaluator/payload.ts';
import type { Hook } from '../hook.ts';
import { CONSOLE_LOGGER, harmless } from '../logger.ts';
import type { Logger } from '../logger.ts';
import { DEFAULT_RUNTIME } from '../runtime.ts';
import type { Runtime } from '../runtime.ts';
import { CachedSource } from '../source/cache/cached-source.ts';
import { RulesetCache } from '../source/cache/ruleset-cache.ts';
import type { SourceFactory } from '../source/data-source.ts';
import { rulesetOption } from '../source/ruleset-json.ts';
import type { RulesetJson } from '../source/ruleset-json.ts';
import { PollSource } from '../source/poll/poll-source.ts';
import { StreamSource } from '../source/stream/stream-source.ts';
import type { UsageOptions } from '../usage/usage-reporter.ts';
import { USER_AGENT } from '../user-agent.ts';

/** A client of a bridge, or of another source. */
export type ClientOptions = BridgeOptions | SourceOptions;

/** A client of a bridge. */
export interface BridgeOptions extends CommonOptions {
  /** Where the bridge is, for example `https://flags.example.com`. */
  readonly url: string;
  /** A server key (`fauna_sk_…`) of the environment to evaluate in. */
  readonly key: string;
  readonly source?: never;
  /**
   * How changes come: by a `stream`, within milliseconds (the default), or by asking for them in a `poll`, where nothing
   * can stay open: in serverless functions, behind proxies that buffer.
   */
  readonly mode?: 'stream' | 'poll';
  /** With the mode `poll`: how long to wait between two questions, at least 1 000. 30 000 by default. */
  readonly pollIntervalMs?: number;
  /** How long a connection may take to be answered. 10 000 by default. */
  readonly connectTimeoutMs?: number;
  /**
   * With the mode `stream`: how long it may be silent; the bridge sends a heartbeat every 15 s. 45 000 by default.
   */
  readonly heartbeatTimeoutMs?: number;
  /**
   * Whether the bridge is told how often each flag served each variant, for `fauna.usage`: counts, no contexts. True by
   * default.
   */
  readonly usage?: boolean;
  /** How long counts are collected before they are reported, at least 1 000. 60 000 by default. */
  readonly usageIntervalMs?: number;
  /**
   * A folder for the last known ruleset, to begin with when the bridge cannot be reached; it is made if it is not
   * there. Processes and keys may share it. None by default.
   */
  readonly cacheDir?: string;
}

/** A client without a bridge: its rulesets come from a file, from test data, from the application. */
export interface SourceOptions extends CommonOptions {
  /** Where rulesets come from: `fileSource(path)`, `staticSource(ruleset)`, a `TestData`. */
  readonly source: SourceFactory;
  readonly url?: never;
  readonly key?: never;
  readonly mode?: never;
  readonly pollIntervalMs?: never;
  readonly connectTimeoutMs?: never;
  readonly heartbeatTimeoutMs?: never;
  readonly cacheDir?: never;
  readonly usage?: never;
  readonly usageIntervalMs?: never;
}

interface CommonOptions {
  /**
   * Values to begin with until there are better ones: a ruleset as `GET /v1/ruleset` answers it. A newer one is not
   * replaced by an older state of the same epoch. The object is taken over.
   */
  readonly bootstrap?: RulesetJson;
  /** How long `createClient` waits for the first ruleset. 5 000 by default. */
  readonly timeoutMs?: number;
  /** How long changes may fail to arrive before the status is `stale`. 30 000 by default. */
  readonly staleAfterMs?: number;
  /** Told of every evaluation; see {@link Hook}. None by default. */
  readonly hooks?: readonly Hook[];
  /** Where warnings go; the console by default. */
  readonly logger?: Logger;
  /**
   * Replacements for how requests are sent (a `fetch`), timers, clock and randomness: for tests and unusual
   * environments.
   */
  readonly runtime?: Partial<Runtime>;
}

export interface ResolvedOptions {
  readonly source: SourceFactory;
  /** What clients of the same bridge and key have in common; undefined for those of other sources. */
  readonly identity: string | undefined;
  readonly bootstrap: Payload | undefined;
  readonly timeoutMs: number;
  readonly staleAfterMs: number;
  /** Undefined where nothing is reported. */
  readonly usage: UsageOptions | undefined;
  readonly hooks: readonly Hook[];
  readonly logger: Logger;
  readonly runtime: Runtime;
}

/** Throws a TypeError that names the option which cannot work. */
export function resolveOptions(options: ClientOptions): ResolvedOptions {
  const { bootstrap } = options;
  return {
    source: options.source === undefined ? bridgeSource(options) : checkedSource(options),
    identity: options.source === undefined ? `${options.url} ${options.key}` : undefined,
    bootstrap: bootstrap === undefined ? undefined : rulesetOption('the option bootstrap', bootstrap),
    timeoutMs: duration('timeoutMs', options.timeoutMs, 5000),
    staleAfterMs: duration('staleAfterMs', options.staleAfterMs, 30_000),
    usage: usageOptions(options),
    hooks: checkedHooks(options.hooks),
    logger: checkedLogger(options.logger ?? CONSOLE_LOGGER),
    runtime: { ...DEFAULT_RUNTIME, ...options.runtime },
  };
}

function bridgeSource(options: BridgeOptions): SourceFactory {
  const { mode = 'stream' } = options;
  if (!MODES.includes(mode)) throw new TypeError(`the option mode must be one of ${MODES.join(', ')}`);
  const every = {
    url: checkedUrl(options.url),
    key: checkedKey(options.key),
    userAgent: USER_AGENT,
    connectTimeoutMs: duration('connectTimeoutMs', options.connectTimeoutMs, 10_000),
    heartbeatTimeoutMs: duration('heartbeatTimeoutMs', options.heartbeatTimeoutMs, 45_000),
    pollIntervalMs: duration('pollIntervalMs', options.pollIntervalMs, 30_000, 1000),
  };
  const cacheDir = checkedFolder(options.cacheDir);
  return {
    createSource: (host) => {
      const { runtime, logger } = host;
      const source = mode === 'poll' ? new PollSource(every, runtime) : new StreamSource(every, runtime);
      if (cacheDir === undefined) return source;
      const warn = (message: string): void => {
        logger.warn(message);
      };
      return new CachedSource(source, new RulesetCache(cacheDir, every, runtime.now, warn), host);
    },
  };
}

function usageOptions({ url, key, usage = true, usageIntervalMs }: ClientOptions): UsageOptions | undefined {
  if (typeof usage !== 'boolean') throw new TypeError('the option usage must be true or false');
  const intervalMs = duration('usageIntervalMs', usageIntervalMs, 60_000, 1000);
  if (url === undefined || !usage) return undefined;
  return { url: checkedUrl(url), key, userAgent: USER_AGENT, intervalMs };
}

const MODES: readonly unknown[] = ['stream', 'poll'] satisfies BridgeOptions['mode'][];

/** Options of the connection to a bridge, which another source has no use for. */
const OF_BRIDGES = [
  'url',
  'key',
  'mode',
  'pollIntervalMs',
  'connectTimeoutMs',
  'heartbeatTimeoutMs',
  'cacheDir',
  'usage',
  'usageIntervalMs',
] as const;

function checkedSource(options: SourceOptions): SourceFactory {
  const { source } = options;
  if (typeof (source as Partial<SourceFactory> | null)?.createSource !== 'function') {
    throw new TypeError('the option source must be a source, for example fileSource(path)');
  }
  const given: Readonly<Record<string, unknown>> = { ...options };
  const useless = OF_BRIDGES.find((name) => given[name] !== undefined);
  if (useless !== undefined) throw new TypeError(`the option ${useless} has no meaning with a source`);
  return source;
}

function checkedUrl(url: unknown): string {
  if (typeof url !== 'string' || !URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    throw new TypeError('the option url must be the http or https address of a Fauna bridge');
  }
  // Credentials would not be sent but shown in errors, and `/v1/stream` would become part of a query.
  const { username, password, search, hash } = new URL(url);
  if (`${username}${password}${search}${hash}` !== '') {
    throw new TypeError('the option url must have no user, password, query or fragment');
  }
  return url.replace(/\/+$/, '');
}

function checkedKey(key: unknown): string {
  if (typeof key !== 'string' || !/^[\x21-\x7e]+$/.test(key)) {
    throw new TypeError('the option key must be an SDK key: a text of visible ASCII characters');
  }
  if (key.startsWith('fauna_ck_')) {
    throw new TypeError(
      'the option key is a client key; evaluation in a server needs a server key (fauna_sk_…)',
    );
  }
  return key;
}

function checkedFolder(folder: unknown): string | undefined {
  if (folder === undefined || (typeof folder === 'string' && folder !== '')) return folder;
  throw new TypeError('the option cacheDir must be the path of a folder');
}

function checkedHooks(hooks: readonly Hook[] = []): readonly Hook[] {
  const given: unknown = hooks;
  if (!Array.isArray(given)) throw new TypeError('the option hooks must be an array');
  return hooks;
}

function checkedLogger(logger: Logger): Logger {
  const { info, warn, error } = logger as Partial<Logger>;
  if ([info, warn, error].some((write) => typeof write !== 'function')) {
    throw new TypeError('the option logger must have the functions info, warn and error');
  }
  return harmless(logger);
}
