import { expect, test } from 'vitest';
import { createClient, staticSource } from '../../src/index.ts';
import type { DataSource, SourceFactory } from '../../src/index.ts';
import { FakeRuntime } from '../support/fake-runtime.ts';
import { booleanFlag } from '../support/rulesets.ts';

const ruleset = { environment: 'bench', epoch: 'e', revision: 7, flags: { a: booleanFlag() } };

test('a static source gives a ready client without url, key, network or timer', async () => {
  const runtime = new FakeRuntime();
  const client = await createClient({ source: staticSource(ruleset), runtime });
  expect([client.status, client.boolean('a', {}, false)]).toEqual(['ready', true]);
  expect(client.position).toEqual({ environment: 'bench', epoch: 'e', revision: 7 });
  await runtime.advance(600_000);
  expect([client.status, client.error]).toEqual(['ready', undefined]);
  expect([runtime.timerCount, runtime.requests.length]).toEqual([0, 0]);
  await client.close();
  expect(client.status).toBe('closed');
});

test('one source serves several clients', async () => {
  const source = staticSource(ruleset);
  const clients = await Promise.all([createClient({ source }), createClient({ source })]);
  expect(clients.map((client) => client.boolean('a', {}, false))).toEqual([true, true]);
  await Promise.all(clients.map((client) => client.close()));
});

test('an application can be a source itself', async () => {
  const source: SourceFactory = {
    createSource: (): DataSource => ({
      start: (sink) => {
        const payload = { ...ruleset, from: undefined, audiences: {} };
        sink.apply(payload, { mayGoBack: true, isServerStale: false });
        sink.live(false);
      },
      close: () => Promise.resolve(),
    }),
  };
  const client = await createClient({ source });
  expect(client.status).toBe('ready');
  await client.close();
});

test.each([{}, null, 'flags.json'])('%o as the option source is a TypeError', async (source) => {
  await expect(createClient({ source: source as never })).rejects.toThrow(
    'the option source must be a source',
  );
});

test.each(['url', 'key', 'mode', 'pollIntervalMs', 'connectTimeoutMs', 'heartbeatTimeoutMs', 'cacheDir'])(
  'the option %s beside a source is a TypeError that says so',
  async (name) => {
    const options = { source: staticSource(ruleset), [name]: 'x' };
    await expect(createClient(options as never)).rejects.toThrow(`the option ${name} has no meaning`);
  },
);

test('a static source of something else is a TypeError', () => {
  expect(() => staticSource({} as never)).toThrow(TypeError);
});
