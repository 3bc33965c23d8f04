/** A database with the extension, a bridge in front of it, and a client behind that. */
import { createClient } from '../../../src/index.ts';
import type { BridgeOptions, FaunaClient, FaunaError, Logger, RulesetChange } from '../../../src/index.ts';
import { Bridge } from './bridge.ts';
import type { Cluster } from './cluster.ts';
import { requiredEnv } from './required-env.ts';
import { until } from './until.ts';

const nothing = (): void => undefined;

/** For clients whose log is not what is tested. */
export const SILENT: Logger = { info: nothing, warn: nothing, error: nothing };

export class Scene {
  readonly bridge: Bridge;
  readonly client: FaunaClient;
  readonly key: string;
  /** Every change the client has told of. */
  readonly changes: RulesetChange[] = [];
  readonly errors: FaunaError[] = [];
  readonly #cluster: Cluster;
  readonly #database: string;

  /**
   * `setup` runs before the client connects, with these options besides, to a bridge with these further arguments; the
   * environment is `production`.
   */
  static async set(
    cluster: Cluster,
    setup: string,
    options: Partial<BridgeOptions> = {},
    bridgeArgs: readonly string[] = [],
  ): Promise<Scene> {
    requiredEnv('FAUNA_E2E_BRIDGE');
    const database = await cluster.createDatabase();
    await cluster.sql(database, `SELECT fauna.create_environment('production'); ${setup}`);
    const key = await cluster.sql(database, `SELECT fauna.create_sdk_key('production')`);
    const bridge = await Bridge.start(cluster.conninfo(database), bridgeArgs);
    await bridge.ready();
    const client = await createClient({ url: bridge.url, key, logger: SILENT, ...options });
    return new Scene(cluster, database, bridge, client, key);
  }

  private constructor(cluster: Cluster, database: string, bridge: Bridge, client: FaunaClient, key: string) {
    this.#cluster = cluster;
    this.#database = database;
    this.bridge = bridge;
    this.client = client;
    this.key = key;
    client.on('change', (change) => this.changes.push(change));
    client.on('error', (error) => this.errors.push(error));
  }

  /** For another bridge of the same database. */
  get conninfo(): string {
    return this.#cluster.conninfo(this.#database);
  }

  /** Runs SQL in psql. */
  readonly sql = (statements: string): Promise<string> => this.#cluster.sql(this.#database, statements);

  /** Waits until the client holds the revision that the database is at. */
  readonly caughtUp = async (): Promise<void> => {
    const head = await this.sql(
      `SELECT epoch || ':' || revision FROM fauna.heads WHERE environment_key = 'production'`,
    );
    await until(`the client is at ${head}`, () => {
      const { position } = this.client;
      return position !== undefined && `${position.epoch}:${position.revision}` === head;
    });
  };

  /** The keys of every change so far, in the order they came. */
  get changedKeys(): (readonly string[])[] {
    return this.changes.map((change) => change.keys);
  }

  async end(): Promise<void> {
    await this.client.close();
    await this.bridge.end('SIGKILL');
  }
}
