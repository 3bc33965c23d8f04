/**
 * What an evaluation context is.
 *
 * A context is what an application has at hand, so it may hold more than JSON does. Every value counts as what
 * `JSON.stringify` would make of it (a Date is its ISO string; undefined, functions, symbols and NaN are missing),
 * and a bigint as the number with the same digits. Only own properties are attributes: an audience over
 * `constructor` must not match everybody.
 */

/** A value that an attribute may have. */
export type ContextValue =
  | string
  | number
  | boolean
  | bigint
  | Date
  | null
  | undefined
  | readonly ContextValue[]
  | { readonly [key: string]: ContextValue };

/** Whom or what a flag is evaluated for: attributes by name. */
export interface EvaluationContext {
  /** The subject (a user, a session, a machine …): what rollouts bucket by unless a rule says otherwise. */
  readonly targetingKey?: string | number | bigint | null | undefined;
  readonly [attribute: string]: ContextValue;
}

/** True for what can be a context at all: a JSON object, or what would become one. */
export function isContext(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

/** A value as its JSON form would be, undefined for what JSON does not have (or has as null). */
export function present(value: unknown): unknown {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value;
    case 'number':
      return Number.isFinite(value) ? value : undefined;
    case 'bigint':
      return present(Number(value));
    case 'object':
      if (value === null) return undefined;
      if (value instanceof Date) return Number.isNaN(value.getTime()) ? undefined : value.toISOString();
      return value;
    case 'undefined':
    case 'function':
    case 'symbol':
      return undefined;
  }
}
