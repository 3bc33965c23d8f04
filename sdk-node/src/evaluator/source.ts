import type { CompiledAudience } from './audience.ts';
import type { CompiledFlag } from './flag.ts';

/** Finds flags and audiences by key, and holds what belongs to the evaluation in progress. */
export interface Source {
  flag(key: string): CompiledFlag | undefined;
  audience(key: string): CompiledAudience | undefined;
  /** Another number for every set of audiences there ever was: what was found under this one is still there. */
  readonly audiencesId: number;
  /** How many prerequisites and audiences the present evaluation has visited. */
  visits: number;
  /** Whether the present evaluation's context inherits from `Object.prototype` at most. */
  isPlain: boolean;
}
