/** What the sentences of the features mean. They are those of the public suite, so that it runs with these, too. */
import { OpenFeature } from '@openfeature/server-sdk';
import type { Hook } from '@openfeature/server-sdk';
import { expect } from 'vitest';
import { Bridge } from '../support/bridge.ts';
import type { Steps } from '../support/gherkin.ts';
import { until } from '../support/until.ts';
import { valueOf } from './world.ts';
import type { World } from './world.ts';

/** An address where nothing listens. */
const NOBODY = 'http://127.0.0.1:1';

const PROVIDERS: Readonly<Record<string, (world: World) => Promise<void>>> = {
  stable: (world) => world.register(),
  'not ready': (world) => {
    void world.register({ url: NOBODY, timeoutMs: 60_000 }).catch(() => undefined);
    return Promise.resolve();
  },
  error: (world) => world.register({ url: NOBODY, timeoutMs: 20 }).catch(() => undefined),
  fatal: (world) => world.register({ key: 'fauna_sk_unknown' }).catch(() => undefined),
  stale: async (world) => {
    const bridge = await Bridge.start(world.scene.conninfo);
    await bridge.ready();
    await world.register({ url: bridge.url, staleAfterMs: 10 });
    await bridge.end('SIGKILL');
    await until('the client is stale', () => world.provider?.client?.status === 'stale');
  },
};

export const STEPS: Steps<World> = [
  [
    /^an? (stable|not ready|error|fatal|stale) provider$/,
    (world, [status = '']) => PROVIDERS[status]?.(world),
  ],
  [/^a stable provider with retrievable context is registered$/, (world) => world.register()],

  [
    /^an? (\w+)-flag with key "(.*)" and a fallback value "(.*)"$/,
    (world, [type = '', key = '', fallback = '']) => {
      world.flag = { type, key, fallback };
    },
  ],
  [
    /^a context containing a key "(.*)", with type "(.*)" and with value "(.*)"$/,
    (world, [key = '', type = '', value = '']) => {
      world.context = { ...world.context, [key]: valueOf(type, value) };
    },
  ],
  [
    /^a context containing a key "(.*)" with null value$/,
    (world, [key = '']) => {
      world.context = { ...world.context, [key]: null };
    },
  ],
  [
    /^an evaluation context with modifiable data$/,
    (world) => {
      world.context = { targetingKey: 'user-1', account: { plan: 'pro' }, tags: ['a'] };
      world.contextBefore = JSON.stringify(world.context);
    },
  ],

  [
    /^the flag was evaluated with details$/,
    async (world) => {
      world.details = await world.evaluate();
    },
  ],
  [
    /^the flag was evaluated with details asynchronously$/,
    async (world) => {
      const evaluations = ['first', 'second', 'third'].map((name) =>
        world.evaluate().then((details) => {
          world.called.push(name);
          return details;
        }),
      );
      world.called.push('asked');
      [world.details] = await Promise.all(evaluations);
    },
  ],
  [
    /^the evaluation should complete without blocking$/,
    (world) => {
      expect(world.called).toEqual(['asked', 'first', 'second', 'third']);
    },
  ],

  [
    /^the resolved details value should be "(.*)"$/,
    (world, [value = '']) => {
      expect(world.answer.value).toEqual(valueOf(world.flag.type, value));
    },
  ],
  [
    /^the flag key should be "(.*)"$/,
    (world, [key]) => {
      expect(world.answer.flagKey).toBe(key);
    },
  ],
  [
    /^the variant should be "(.*)"$/,
    (world, [variant]) => {
      expect(world.answer.variant).toBe(variant);
    },
  ],
  [
    /^the reason should be "(.*)"$/,
    (world, [reason]) => {
      expect(world.answer.reason).toBe(reason);
    },
  ],
  [
    /^the error-code should be "(.*)"$/,
    (world, [code]) => {
      expect(world.answer.errorCode).toBe(code);
    },
  ],
  [
    /^the provider status should be "(.*)"$/,
    (world, [status]) => {
      expect(world.client.providerStatus).toBe(status);
    },
  ],
  [
    /^the resolved metadata should contain$/,
    (world, _captured, [, ...rows]) => {
      for (const [key = '', type = '', value = ''] of rows) {
        expect(world.answer.flagMetadata[key]).toBe(valueOf(type, value));
      }
    },
  ],
  [
    /^the metadata has the revision of the database as its version$/,
    async (world) => {
      const revision = await world.scene.sql('SELECT revision FROM fauna.heads');
      expect(world.answer.flagMetadata.version).toBe(Number(revision));
    },
  ],
  [
    /^the evaluation details should be immutable$/,
    (world) => {
      expect(Object.isFrozen(world.answer.flagMetadata)).toBe(true);
    },
  ],
  [
    /^the original evaluation context should remain unmodified$/,
    (world) => {
      expect(JSON.stringify(world.context)).toBe(world.contextBefore);
    },
  ],

  [
    /^a client with added hook$/,
    (world) => {
      world.client.addHooks(world.recorder);
      world.ends.push(() => world.client.clearHooks());
    },
  ],
  [
    /^the "(\w+)" hook should have been executed$/,
    (world, [stage]) => {
      expect([...world.recorder.stages.keys()]).toContain(stage);
    },
  ],
  [
    /^the "(.*)" hooks should be called with evaluation details$/,
    (world, [stages = ''], [, ...rows]) => {
      for (const stage of stages.split(', ')) {
        const { flagKey, value, variant, reason, errorCode } = world.recorder.stages.get(stage) ?? {};
        const actual = { flag_key: flagKey, value, variant, reason, error_code: errorCode };
        const expected = rows.map(([type = '', key = '', text = '']) => [
          key,
          text === 'null' ? undefined : valueOf(type, text),
        ]);
        expect(actual).toEqual(Object.fromEntries(expected));
      }
    },
  ],
  [
    /^evaluation options containing specific hooks$/,
    (world) => {
      world.hooks = ['first', 'second'].map((name) => noting(world.called, name));
    },
  ],
  [
    /^the flag was evaluated with details using the evaluation options$/,
    async (world) => {
      world.details = await world.evaluate(world.hooks);
    },
  ],
  [
    /^the specified hooks should execute during evaluation$/,
    (world) => {
      expect(world.called).toHaveLength(4);
    },
  ],
  [
    /^the hook order should be maintained$/,
    (world) => {
      expect(world.called).toEqual(['before first', 'before second', 'after second', 'after first']);
    },
  ],

  [
    /^A context entry with key "(.*)" and value "(.*)" is added to the "(.*)" level$/,
    (world, [key = '', value = '', level = '']) => {
      world.add(level, key, value);
    },
  ],
  [
    /^A table with levels of increasing precedence$/,
    (world, _captured, rows) => {
      world.levels = rows.flat();
    },
  ],
  [
    /^Context entries for each level from API level down to the "(.*)" level, with key "(.*)" and value "(.*)"$/,
    (world, [last = '', key = '', value = '']) => {
      for (const level of world.levels.slice(0, world.levels.indexOf(last) + 1)) {
        world.add(level, key, level === last ? value : `not of ${level}`);
      }
    },
  ],
  [
    /^Some flag was evaluated$/,
    async (world) => {
      const evaluate = async (): Promise<void> => {
        world.details = await world.evaluate(world.hooks);
      };
      await new Promise<void>((resolve, reject) => {
        OpenFeature.setTransactionContext(world.transaction, () => {
          evaluate().then(resolve, reject);
        });
      });
    },
  ],
  [
    /^The merged context contains an entry with key "(.*)" and value "(.*)"$/,
    (world, [key = '', value]) => {
      expect(world.provider?.context?.[key]).toBe(value);
    },
  ],
];

function noting(called: string[], name: string): Hook {
  return {
    before: () => void called.push(`before ${name}`),
    after: () => void called.push(`after ${name}`),
  };
}
