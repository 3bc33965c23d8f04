import type { CompiledAudience } from './audience.ts';
import type { CompiledFlag } from './flag.ts';

/** Finds compiled flags and audiences by key. References are looked up while evaluating, so a patch needs no relinking. */
export interface Source {
  flag(key: string): CompiledFlag | undefined;
  audience(key: string): CompiledAudience | undefined;
  /** How many prerequisites and audiences the present evaluation has visited. */
  visits: number;
}
