/**
 * Which flags an application has, if it says so: declared once, by module augmentation, every key and every default in
 * its code is checked by the compiler. Undeclared, any text is a key, so nobody has to begin with this.
 */
import type { FlagKind } from './evaluator/flag.ts';
import type { JsonValue } from './evaluator/json-value.ts';

/**
 * The application's flags by key, each with the type of its value. Empty as it comes; `npx fauna-flags generate` writes
 * the augmentation that fills it.
 *
 * A flag of kind `json` may be given a shape; `JsonValue` leaves the shape to the caller. A text may be given as a union
 * of its variants.
 *
 * @example
 * declare module '@fauna-flags/node' {
 *   interface Flags {
 *     checkout: boolean;
 *     theme: 'dark' | 'light';
 *     limits: { readonly perMinute: number };
 *   }
 * }
 */
// eslint-disable-next-line @typescript-eslint/no-empty-object-type -- whoever uses the package fills it in
export interface Flags {}

/** The keys of the declared flags of a kind; any text where no flags are declared. */
export type FlagKey<Kind extends FlagKind = FlagKind> = [keyof Flags] extends [never]
  ? string
  : Extract<KeysOfKind<Kind>, string>;

/** What a flag's value is declared to be; `Otherwise` where no flags are declared. */
export type FlagValue<Key, Otherwise> = Key extends keyof Flags ? Flags[Key] : Otherwise;

/** The keys of the declared `json` flags that have a shape of their own. */
export type ShapedFlagKey = Exclude<Extract<KeysOfKind<'json'>, string>, UnshapedKeys>;

/** The keys of `json` flags whose shape is the caller's to know; any text where no flags are declared. */
export type UnshapedFlagKey = [keyof Flags] extends [never] ? string : Extract<UnshapedKeys, string>;

type KeysOfKind<Kind extends FlagKind> = {
  [Key in keyof Flags]: KindOf<Flags[Key]> extends Kind ? Key : never;
}[keyof Flags];

type UnshapedKeys = {
  [Key in keyof Flags]: [JsonValue] extends [Flags[Key]] ? Key : never;
}[keyof Flags];

type KindOf<Value> = [Value] extends [boolean]
  ? 'boolean'
  : [Value] extends [string]
    ? 'string'
    : [Value] extends [number]
      ? 'number'
      : 'json';
