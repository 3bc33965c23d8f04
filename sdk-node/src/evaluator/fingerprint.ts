/**
 * Tells whether a document changed without keeping it: a resync sends every document again, and listeners want to
 * hear of those that differ only. 64 bits of hash over the JSON text; two documents of one key that collide would
 * merely be left out of one `change` event.
 */
import { murmur3, murmur3Prefix } from './murmur3.ts';

const SECOND = murmur3Prefix('', 0x9747b28c);

export function fingerprint(document: unknown): string {
  const text = JSON.stringify(document);
  return `${murmur3(text).toString(36)}.${murmur3(text, SECOND).toString(36)}`;
}
