/** A bridge process in front of a database. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { collect, end } from './process.ts';
import { requiredEnv } from './required-env.ts';
import { until } from './until.ts';

export class Bridge {
  readonly url: string;
  readonly #conninfo: string;
  readonly #args: readonly string[];
  readonly #address: string;
  #child: ChildProcess;

  /** Starts the built binary, with further arguments, on a free port and waits until it says which. */
  static async start(conninfo: string, args: readonly string[] = []): Promise<Bridge> {
    const { child, address } = await launch(conninfo, '127.0.0.1:0', args);
    return new Bridge(conninfo, args, child, address);
  }

  private constructor(conninfo: string, args: readonly string[], child: ChildProcess, address: string) {
    this.#conninfo = conninfo;
    this.#args = args;
    this.#child = child;
    this.#address = address;
    this.url = `http://${address}`;
  }

  /** Starts it again, on the same port. */
  async restart(): Promise<void> {
    this.#child = (await launch(this.#conninfo, this.#address, this.#args)).child;
  }

  /** Waits until it has read the database. */
  async ready(): Promise<void> {
    await until('the bridge is ready', async () => (await fetch(`${this.url}/readyz`)).ok);
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    await end(this.#child, signal);
  }
}

async function launch(
  conninfo: string,
  listen: string,
  further: readonly string[],
): Promise<{ child: ChildProcess; address: string }> {
  const args = ['serve', '--database-url', conninfo, '--listen', listen, '--log-format', 'json', ...further];
  const child = spawn(requiredEnv('FAUNA_E2E_BRIDGE'), args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const output = collect(child.stdout);
  const errors = collect(child.stderr);
  let address: string | undefined;
  await until('the bridge listens', () => {
    if (child.exitCode !== null) throw new Error(`the bridge ended:\n${[...output, ...errors].join('')}`);
    address = listeningAddress(output.join(''));
    return address !== undefined;
  }).catch(async (error: unknown) => {
    await end(child, 'SIGKILL');
    throw error;
  });
  return { child, address: address ?? '' };
}

/** The address in the log line that announces the listener. */
function listeningAddress(log: string): string | undefined {
  for (const line of log.split('\n').filter((text) => text.startsWith('{'))) {
    if (!line.endsWith('}')) continue;
    const entry = JSON.parse(line) as { readonly fields?: Entry } & Entry;
    const { message, address } = entry.fields ?? entry;
    if (message === 'listening') return address;
  }
  return undefined;
}

interface Entry {
  readonly message?: string;
  readonly address?: string;
}
