/**
 * Which flags may evaluate otherwise after some documents changed: those whose own document changed, those that use
 * a changed audience, directly or through nested audiences, and those with an affected flag as prerequisite.
 */
import type { HeldAudience, HeldFlag } from './held.ts';

export function affectedFlags(
  flags: ReadonlyMap<string, HeldFlag>,
  audiences: ReadonlyMap<string, HeldAudience>,
  changedFlags: ReadonlySet<string>,
  changedAudiences: ReadonlySet<string>,
): readonly string[] {
  const affectedAudiences = closure(changedAudiences, audiences.values(), (audience) => audience.audiences);
  const start = new Set(changedFlags);
  if (affectedAudiences.size > 0) {
    for (const flag of flags.values()) {
      if (flag.audiences.some((key) => affectedAudiences.has(key))) start.add(flag.key);
    }
  }
  return [...closure(start, flags.values(), (flag) => flag.prerequisites)].sort();
}

/** The keys and, transitively, the keys of all that refer to one of them. */
function closure<T extends { readonly key: string }>(
  keys: ReadonlySet<string>,
  all: Iterable<T>,
  references: (item: T) => readonly string[],
): ReadonlySet<string> {
  if (keys.size === 0) return keys;
  const referrers = new Map<string, string[]>();
  for (const item of all) {
    for (const reference of references(item)) {
      const known = referrers.get(reference);
      if (known === undefined) referrers.set(reference, [item.key]);
      else known.push(item.key);
    }
  }
  const reached = new Set(keys);
  // A set iterates over what is added on the way, so this is the whole walk.
  for (const key of reached) for (const referrer of referrers.get(key) ?? []) reached.add(referrer);
  return reached;
}
