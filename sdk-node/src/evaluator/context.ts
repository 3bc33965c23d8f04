/**
 * Reading attributes out of an evaluation context.
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

/** Reads one attribute; undefined means missing. */
export type AttributeReader = (context: object) => unknown;

/** True for what can be a context at all: a JSON object, or what would become one. */
export function isContext(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

/** Compiles a reader for an attribute: the top-level key of that name, else the dotted path through objects. */
export function attributeReader(name: string): AttributeReader {
  const readKey: AttributeReader = (context) =>
    Object.hasOwn(context, name) ? present((context as Record<string, unknown>)[name]) : undefined;
  if (!name.includes('.')) return readKey;

  const segments = name.split('.');
  return (context) => readKey(context) ?? readPath(context, segments);
}

function readPath(context: object, segments: readonly string[]): unknown {
  let current: unknown = context;
  for (const segment of segments) {
    if (!isContext(current) || !Object.hasOwn(current, segment)) return undefined;
    current = (current as Record<string, unknown>)[segment];
  }
  return present(current);
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
