/** What a client reports of its evaluations, and when it reports nothing. */
import { beforeEach, expect, test } from 'vitest';
import { createClient, staticSource } from '../../src/index.ts';
import type { BridgeOptions, FaunaClient, Logger } from '../../src/index.ts';
import { FakeRuntime, flush } from '../support/fake-runtime.ts';
import { booleanFlag, patch, put } from '../support/rulesets.ts';

const SILENT: Logger = { info: () => undefined, warn: () => undefined, error: () => undefined };

let runtime: FakeRuntime;

beforeEach(() => {
  runtime = new FakeRuntime();
});

async function connect(more: Partial<BridgeOptions> = {}): Promise<FaunaClient> {
  const options = { url: 'http://bridge/', key: 'fauna_sk_x', logger: SILENT, runtime };
  const connecting = createClient({ ...options, ...more });
  await flush();
  await runtime.lastRequest.answer();
  await runtime.lastRequest.event('put', put(1, { a: booleanFlag(), b: booleanFlag({ enabled: false }) }));
  return connecting;
}

/** Every report so far. */
function reports(): unknown[] {
  const posts = runtime.requests.filter(({ method }) => method === 'POST');
  return posts.map(({ url, body }) => [url, (JSON.parse(body as string) as { counts: unknown }).counts]);
}

test('what the accessors gave is reported after a minute, whether with details or without', async () => {
  const client = await connect();
  const stream = runtime.lastRequest;
  client.boolean('a', {}, false);
  client.booleanDetails('a', {}, false);
  client.boolean('b', {}, true);
  client.string('b', {}, 'mine');
  client.boolean('nothing', {}, false);
  client.evaluateAll({});
  await runtime.advance(30_000);
  await stream.send(': heartbeat\n\n');
  await runtime.advance(30_000);
  expect(reports()).toEqual([
    [
      'http://bridge/v1/usage',
      [
        { flag: 'a', variant: 'on', evaluations: 2 },
        { flag: 'b', variant: 'off', evaluations: 1 },
        { flag: 'b', evaluations: 1 },
      ],
    ],
  ]);
});

test('what was counted before a change is reported after it', async () => {
  const client = await connect();
  client.boolean('a', {}, false);
  await runtime.lastRequest.event('patch', patch(1, 2, { a: null }));
  client.boolean('a', {}, false);
  void client.flush();
  await flush();
  expect(reports()).toEqual([['http://bridge/v1/usage', [{ flag: 'a', variant: 'on', evaluations: 1 }]]]);
});

test('close() reports what is left', async () => {
  const client = await connect();
  client.boolean('a', {}, false);
  const closed = client.close();
  await flush();
  expect(reports()).toHaveLength(1);
  await runtime.lastRequest.finish();
  await closed;
  expect(runtime.timerCount).toBe(0);
});

test('with usage: false nothing is reported', async () => {
  const client = await connect({ usage: false });
  client.boolean('a', {}, false);
  await client.flush();
  await client.close();
  expect(reports()).toEqual([]);
});

test('the interval is as wished, but no less than a second', async () => {
  const client = await connect({ usageIntervalMs: 1000 });
  client.boolean('a', {}, false);
  await runtime.advance(1000);
  expect(reports()).toHaveLength(1);
  const tooShort = createClient({ url: 'http://bridge', key: 'k', usageIntervalMs: 999 });
  await expect(tooShort).rejects.toThrow('the option usageIntervalMs must be');
});

test('without a bridge there is nobody to report to', async () => {
  const ruleset = put(1, { a: booleanFlag() }) as never;
  const client = await createClient({ source: staticSource(ruleset), logger: SILENT, runtime });
  client.boolean('a', {}, false);
  await client.flush();
  await client.close();
  expect(runtime.requests).toHaveLength(0);
  const options = { source: staticSource(ruleset), usage: true } as never;
  await expect(createClient(options)).rejects.toThrow('the option usage has no meaning with a source');
});
