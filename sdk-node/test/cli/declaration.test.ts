import { expect, test } from 'vitest';
import { declarationOf } from '../../src/cli/declaration.ts';
import type { ManifestFlag } from '../../src/cli/manifest.ts';

const FLAGS: readonly ManifestFlag[] = [
  { key: 'theme', kind: 'string' },
  { key: 'new-checkout', kind: 'boolean' },
  { key: 'Limit', kind: 'number' },
  { key: 'layout.home', kind: 'json' },
];

test('every flag is declared with its type, sorted by key', () => {
  expect(declarationOf(FLAGS, { openFeature: false }))
    .toBe(`// Written by \`npx fauna-flags generate\`. Changes by hand are lost.
import type { JsonValue } from '@fauna-flags/node';

declare module '@fauna-flags/node' {
  interface Flags {
    Limit: number;
    'layout.home': JsonValue;
    'new-checkout': boolean;
    theme: string;
  }
}
`);
});

test('the order in which flags come makes no difference', () => {
  const options = { openFeature: true };
  expect(declarationOf([...FLAGS].reverse(), options)).toBe(declarationOf(FLAGS, options));
});

test('OpenFeature’s keys are declared when they are wanted, and a kind without flags has none', () => {
  const flags = FLAGS.filter(({ kind }) => kind !== 'json');
  expect(declarationOf(flags, { openFeature: true })).toContain(`
declare module '@openfeature/core' {
  export type BooleanFlagKey =
    | 'new-checkout';
  export type StringFlagKey =
    | 'theme';
  export type NumberFlagKey =
    | 'Limit';
  export type ObjectFlagKey = never;
}
`);
});

test('no flags are a declaration, too', () => {
  expect(declarationOf([], { openFeature: false })).toContain('  interface Flags {\n  }\n');
});

test('a key cannot break out of its quotes', () => {
  const text = declarationOf([{ key: `a'; evil("\\\n`, kind: 'boolean' }], { openFeature: false });
  expect(text).toContain(`    'a\\'; evil("\\\\\\n': boolean;\n`);
});
