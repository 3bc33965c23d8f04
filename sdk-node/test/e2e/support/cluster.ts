/** A private PostgreSQL cluster in a temporary folder. It listens on a socket there and on no port. */
import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { appendFileSync, chmodSync, chownSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { end, run } from './process.ts';
import { requiredEnv } from './required-env.ts';
import { until } from './until.ts';

const SETTINGS = `
fsync = off
full_page_writes = off
listen_addresses = ''
log_min_messages = warning
`;

interface Owner {
  readonly uid?: number;
  readonly gid?: number;
}

export class Cluster {
  readonly #folder: string;
  readonly #owner: Owner;
  #server: ChildProcess | undefined;
  #databases = 0;

  static async start(): Promise<Cluster> {
    requiredEnv('FAUNA_E2E_PG_BINDIR');
    const cluster = new Cluster();
    const args = [
      '--username',
      'postgres',
      '--auth',
      'trust',
      '--encoding',
      'UTF8',
      '--locale',
      'C.UTF-8',
      '--no-sync',
    ];
    await run(cluster.#program('initdb'), ['--pgdata', cluster.#data, ...args], cluster.#owner);
    appendFileSync(
      join(cluster.#data, 'postgresql.conf'),
      `${SETTINGS}unix_socket_directories = '${cluster.#folder}'\n`,
    );
    await cluster.launch();
    return cluster;
  }

  private constructor() {
    this.#folder = mkdtempSync(join(tmpdir(), 'fauna-e2e-'));
    this.#owner = unprivilegedOwner();
    const { uid, gid } = this.#owner;
    if (uid !== undefined && gid !== undefined) chownSync(this.#folder, uid, gid);
    chmodSync(this.#folder, 0o755);
  }

  /** Starts the server (again) and waits until it answers. */
  async launch(): Promise<void> {
    const log = join(this.#folder, 'log');
    const start = (): ChildProcess => {
      // exec: the server itself is our child, so that we can end it and see it end.
      const script = 'exec "$0" -D "$1" >>"$2" 2>&1';
      const args = ['-c', script, this.#program('postgres'), this.#data, log];
      return spawn('sh', args, { ...this.#owner, stdio: 'ignore' });
    };
    this.#server = start();
    await until('PostgreSQL answers', async () => {
      // After kill -9 the old server's children may still hold its shared memory, and the new one gives up.
      if (this.#server?.exitCode !== null) this.#server = start();
      return this.sql('postgres', 'SELECT 1').then(
        () => true,
        () => false,
      );
    }).catch((error: unknown) => {
      throw new Error(`PostgreSQL did not start:\n${readFileSync(log, 'utf8')}`, { cause: error });
    });
  }

  /** A new database with the extension. */
  async createDatabase(): Promise<string> {
    this.#databases += 1;
    const name = `test_${this.#databases}`;
    await this.sql('postgres', `CREATE DATABASE ${name}`);
    await this.sql(name, 'CREATE EXTENSION fauna');
    return name;
  }

  /** Runs SQL in psql, one statement after the other, and returns what it prints, without headings. */
  sql(database: string, statements: string): Promise<string> {
    const args = [
      '-X',
      '-q',
      '-A',
      '-t',
      '-v',
      'ON_ERROR_STOP=1',
      '-h',
      this.#folder,
      '-U',
      'postgres',
      '-d',
      database,
    ];
    return run(this.#program('psql'), args, { input: statements });
  }

  /** For the bridge. */
  conninfo(database: string): string {
    return `host=${this.#folder} user=postgres dbname=${database}`;
  }

  /** kill -9: no goodbye to anybody. */
  async kill(): Promise<void> {
    if (this.#server !== undefined) await end(this.#server, 'SIGKILL');
  }

  async stop(): Promise<void> {
    if (this.#server !== undefined) await end(this.#server, 'SIGINT');
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }

  get #data(): string {
    return join(this.#folder, 'data');
  }

  #program(name: string): string {
    return join(requiredEnv('FAUNA_E2E_PG_BINDIR'), name);
  }
}

/** PostgreSQL does not run as root; then it runs as the user `postgres`, or `nobody` where there is none. */
function unprivilegedOwner(): Owner {
  if (process.getuid?.() !== 0) return {};
  for (const user of ['postgres', 'nobody']) {
    try {
      const id = (option: string): number =>
        Number(execFileSync('id', [option, user], { stdio: 'pipe' }).toString());
      return { uid: id('-u'), gid: id('-g') };
    } catch {
      // There is no such user.
    }
  }
  throw new Error('PostgreSQL does not run as root, and there is neither a user postgres nor nobody');
}
