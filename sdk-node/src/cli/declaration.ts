/**
 * The declaration file that tells the compiler which flags there are. The same flags give the same text, whatever order
 * they come in, so that the file can be committed and checked.
 */
import type { FlagKind } from '../evaluator/flag.ts';
import type { ManifestFlag } from './manifest.ts';

export interface DeclarationOptions {
  /** Declares the keys to OpenFeature's SDK, too. */
  readonly openFeature: boolean;
}

const TYPES: Readonly<Record<FlagKind, string>> = {
  boolean: 'boolean',
  string: 'string',
  number: 'number',
  json: 'JsonValue',
};

/** How OpenFeature calls the types of keys, in the order they are written. */
const OPENFEATURE_KEYS: readonly (readonly [string, FlagKind])[] = [
  ['BooleanFlagKey', 'boolean'],
  ['StringFlagKey', 'string'],
  ['NumberFlagKey', 'number'],
  ['ObjectFlagKey', 'json'],
];

/** Writes the declarations of these flags. */
export function declarationOf(flags: readonly ManifestFlag[], { openFeature }: DeclarationOptions): string {
  const sorted = [...flags].sort((a, b) => (a.key < b.key ? -1 : 1));
  const members = sorted.map(({ key, kind }) => `    ${propertyName(key)}: ${TYPES[kind]};\n`);
  const needsJson = flags.some(({ kind }) => kind === 'json');
  return [
    '// Written by `npx fauna-flags generate`. Changes by hand are lost.\n',
    needsJson ? "import type { JsonValue } from '@fauna-flags/node';\n" : "import '@fauna-flags/node';\n",
    `\ndeclare module '@fauna-flags/node' {\n  interface Flags {\n${members.join('')}  }\n}\n`,
    openFeature ? openFeatureKeys(sorted) : '',
  ].join('');
}

function openFeatureKeys(flags: readonly ManifestFlag[]): string {
  const types = OPENFEATURE_KEYS.map(([name, kind]) => {
    const keys = flags.filter((flag) => flag.kind === kind).map((flag) => `\n    | ${quoted(flag.key)}`);
    return `  export type ${name} =${keys.length === 0 ? ' never' : keys.join('')};\n`;
  });
  return `\ndeclare module '@openfeature/core' {\n${types.join('')}}\n`;
}

function propertyName(key: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(key) ? key : quoted(key);
}

function quoted(key: string): string {
  return `'${JSON.stringify(key).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")}'`;
}
