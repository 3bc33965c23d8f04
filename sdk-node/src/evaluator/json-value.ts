/** A value as JSON has it: what a variant of a `json` flag holds. */
export type JsonValue = string | number | boolean | null | readonly JsonValue[] | JsonObject;

/** A JSON object. */
export interface JsonObject {
  readonly [key: string]: JsonValue;
}

/** True for what JSON calls an object: no null, no array. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Freezes a value and all it holds. A flag hands the same object to every caller (no copy on the hot path), so
 * nobody may be able to write to it.
 */
export function deepFreeze<T extends JsonValue>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value as JsonObject)) deepFreeze(inner);
  }
  return value;
}
