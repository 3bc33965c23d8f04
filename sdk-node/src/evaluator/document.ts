/**
 * Reading documents: typed access to JSON members, and errors that say where. Absent and null mean the same.
 */
import { isJsonObject } from './json-value.ts';
import { parseInstant } from './instant.ts';
import type { Instant } from './instant.ts';

/** Why a document cannot be used. Its flag or audience carries this and harms no other. */
export class DocumentError extends Error {
  override readonly name = 'DocumentError';
}

/** A JSON object of which nothing is known yet. */
export type Members = Readonly<Record<string, unknown>>;

export function readObject(value: unknown, place: string): Members {
  if (!isJsonObject(value)) throw new DocumentError(`${place}: not an object`);
  return value;
}

/** The member; undefined when it is absent, null, or only inherited. */
export function member(object: Members, name: string): unknown {
  return Object.hasOwn(object, name) ? (object[name] ?? undefined) : undefined;
}

export function optionalString(object: Members, name: string): string | undefined {
  const value = member(object, name);
  if (value === undefined || typeof value === 'string') return value;
  throw new DocumentError(`${name}: not a string`);
}

export function requiredString(object: Members, name: string): string {
  const value = optionalString(object, name);
  if (value === undefined) throw new DocumentError(`${name}: missing`);
  return value;
}

export function requiredBoolean(object: Members, name: string): boolean {
  const value = optionalBoolean(object, name);
  if (value === undefined) throw new DocumentError(`${name}: missing`);
  return value;
}

export function optionalBoolean(object: Members, name: string): boolean | undefined {
  const value = member(object, name);
  if (value === undefined || typeof value === 'boolean') return value;
  throw new DocumentError(`${name}: not a boolean`);
}

export function optionalInstant(object: Members, name: string): Instant | undefined {
  const text = optionalString(object, name);
  if (text === undefined) return undefined;
  const instant = parseInstant(text);
  if (instant === undefined) throw new DocumentError(`${name}: not an RFC 3339 timestamp with an offset`);
  return instant;
}

export function requiredInstant(object: Members, name: string): Instant {
  const instant = optionalInstant(object, name);
  if (instant === undefined) throw new DocumentError(`${name}: missing`);
  return instant;
}

/** Reads every element of an array member; an absent member is an empty array. */
export function each<T>(object: Members, name: string, read: (element: unknown, place: string) => T): T[] {
  const value = member(object, name);
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw new DocumentError(`${name}: not an array`);
  return value.map((element: unknown, index) => within(`${name}[${index}]`, () => read(element, 'element')));
}

/** Runs a reader and puts the place it was at in front of what it complains about. */
function within<T>(place: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof DocumentError) throw new DocumentError(`${place}: ${error.message}`);
    throw error;
  }
}

/** Whether all or any of the parts must match. */
export type Match = 'all' | 'any';

export function readMatch(object: Members): Match {
  const match = requiredString(object, 'match');
  if (match !== 'all' && match !== 'any') throw new DocumentError('match: neither "all" nor "any"');
  return match;
}
