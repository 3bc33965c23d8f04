/** What the compiler must accept, and what it must refuse. */
import { expectTypeOf, test } from 'vitest';
import { createClient, staticSource } from '../src/index.ts';
import type { EvaluationDetails, FaunaClient, FaunaError, RulesetChange } from '../src/index.ts';

declare const fauna: FaunaClient;

test('a value has the type of its accessor', () => {
  expectTypeOf(fauna.boolean('x', {}, false)).toEqualTypeOf<boolean>();
  expectTypeOf(fauna.string('x', {}, 'y')).toEqualTypeOf<string>();
  expectTypeOf(fauna.number('x', {}, 1)).toEqualTypeOf<number>();
  expectTypeOf(fauna.json('x', {}, { limit: 1 })).toEqualTypeOf<{ limit: number }>();
  expectTypeOf(fauna.numberDetails('x', {}, 1)).toEqualTypeOf<EvaluationDetails<number>>();
});

test('a default of another type is refused', () => {
  // @ts-expect-error a boolean flag has no text for a default
  fauna.boolean('x', {}, 'on');
  // @ts-expect-error a default is needed
  fauna.string('x', {});
  // @ts-expect-error a function is no JSON
  fauna.json('x', {}, () => 1);
});

test('a context is an object of values', () => {
  fauna.boolean(
    'x',
    { targetingKey: 'u', n: 1, big: 1n, at: new Date(), tags: ['a'], deep: { a: { b: null } } },
    false,
  );
  fauna.boolean('x', { targetingKey: undefined }, false);
  // @ts-expect-error a context is no text
  fauna.boolean('x', 'user-1', false);
  // @ts-expect-error a function is no attribute
  fauna.boolean('x', { load: () => 'x' }, false);
  // @ts-expect-error a subject is no boolean
  fauna.boolean('x', { targetingKey: true }, false);
});

test('events carry what their name says', () => {
  fauna.on('change', (change) => {
    expectTypeOf(change).toEqualTypeOf<RulesetChange>();
  });
  fauna.on('error', (error) => {
    expectTypeOf(error).toEqualTypeOf<FaunaError>();
  });
  expectTypeOf(fauna.on('ready', () => undefined)).toEqualTypeOf<() => void>();
  // @ts-expect-error there is no such event
  fauna.on('changed', () => undefined);
});

test('a client is made from a url and a key', () => {
  expectTypeOf(createClient({ url: 'http://x', key: 'k' })).resolves.toEqualTypeOf<FaunaClient>();
  // @ts-expect-error the key is needed
  void createClient({ url: 'http://x' });
  // @ts-expect-error durations are numbers
  void createClient({ url: 'http://x', key: 'k', timeoutMs: '5s' });
});

test('a client with a source has no url and no key', () => {
  const source = staticSource({ flags: {} });
  expectTypeOf(createClient({ source })).resolves.toEqualTypeOf<FaunaClient>();
  // @ts-expect-error a source needs no url
  void createClient({ source, url: 'http://x' });
  // @ts-expect-error a ruleset has flags
  staticSource({ environment: 'production' });
});
