/**
 * What has been counted and not yet been reported. Counts of the same flag, variant and hour are one, so what waits
 * through an outage grows with the flags in use and the hours it lasts, not with evaluations, and it ends at a limit.
 */
import type { UsageCount } from '../evaluator/usage.ts';

const HOUR_MS = 3_600_000;

/** Different counts that wait: five hours of a thousand flags with two variants each. */
export const MAX_PENDING = 10_000;

/** The bridge refuses larger ones as mistakes. */
const MAX_EVALUATIONS = 1_000_000_000;

/** A count as `POST /v1/usage` takes it, with the hour in milliseconds since the Unix epoch. */
export interface HourlyCount {
  readonly flag: string;
  readonly variant: string | undefined;
  readonly hourMs: number;
  readonly evaluations: number;
}

export class PendingUsage {
  readonly #counts = new Map<string, HourlyCount>();
  #dropped = 0;

  get isEmpty(): boolean {
    return this.#counts.size === 0;
  }

  /** Evaluations that wait. */
  get evaluations(): number {
    let sum = 0;
    for (const { evaluations } of this.#counts.values()) sum += evaluations;
    return sum;
  }

  /** Evaluations given up because too many different counts were waiting. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Adds what was counted up to `nowMs`, under that hour. */
  add(counts: Iterable<UsageCount>, nowMs: number): void {
    const hourMs = hourOf(nowMs);
    for (const { flag, variant, evaluations } of counts) {
      this.#add({ flag, variant, hourMs, evaluations });
    }
  }

  /** Removes up to `limit` counts, in the order they came. */
  take(limit: number): HourlyCount[] {
    const taken: HourlyCount[] = [];
    for (const [id, count] of this.#counts) {
      if (taken.length === limit) break;
      const rest = count.evaluations - MAX_EVALUATIONS;
      if (rest > 0) {
        taken.push({ ...count, evaluations: MAX_EVALUATIONS });
        this.#counts.set(id, { ...count, evaluations: rest });
      } else {
        taken.push(count);
        this.#counts.delete(id);
      }
    }
    return taken;
  }

  /** Takes back what could not be reported. */
  restore(counts: readonly HourlyCount[]): void {
    for (const count of counts) this.#add(count);
  }

  #add(count: HourlyCount): void {
    const id = `${count.hourMs} ${count.variant ?? ''} ${count.flag}`;
    const known = this.#counts.get(id);
    if (known !== undefined) {
      this.#counts.set(id, { ...count, evaluations: known.evaluations + count.evaluations });
    } else if (this.#counts.size < MAX_PENDING) {
      this.#counts.set(id, count);
    } else {
      this.#dropped += count.evaluations;
    }
  }
}

/** The beginning of the hour, in milliseconds since the Unix epoch. */
export function hourOf(nowMs: number): number {
  return nowMs - (nowMs % HOUR_MS);
}
