/**
 * How often each flag served which variant, through the public evaluation of one flag: neither what a prerequisite was
 * evaluated to nor `evaluateAll` counts (nobody knows which of all flags are looked at), nor keys of no flag.
 *
 * The counting itself is a number of the variant that goes up ({@link Variant.count}), so it costs an addition. A
 * ruleset hands its tally on to the one that replaces it, and puts into it what the flags that are replaced counted so far: nothing is
 * lost, nothing counted twice, whichever ruleset is asked. A reporter calls `Evaluator.takeUsage()` whenever it likes.
 */

/** Evaluations of one flag since the last report. */
export interface UsageCount {
  readonly flag: string;
  /** Undefined where the application's own default was served. */
  readonly variant: string | undefined;
  readonly evaluations: number;
}

/** What has counts to take: a flag as a ruleset holds it. */
interface Counted {
  readonly key: string;
  takeCounts(tell: (variant: string | undefined, count: number) => void): void;
}

/** Counts of flags that are no longer, until they are taken. Bounded by the flags and variants there were in between. */
export class UsageTally {
  readonly #replaced = new Map<string, Map<string | undefined, number>>();

  /** Keeps the counts of a flag that is about to be replaced or deleted. */
  keep(flag: Counted): void {
    flag.takeCounts((variant, count) => {
      const counts = this.#replaced.get(flag.key) ?? new Map<string | undefined, number>();
      this.#replaced.set(flag.key, counts);
      counts.set(variant, (counts.get(variant) ?? 0) + count);
    });
  }

  /** All counts, of these flags and of those that were replaced; they begin anew. */
  take(flags: Iterable<Counted>): UsageCount[] {
    for (const flag of flags) this.keep(flag);
    const taken = [...this.#replaced].flatMap(([flag, counts]) =>
      [...counts].map(([variant, evaluations]) => ({ flag, variant, evaluations })),
    );
    this.#replaced.clear();
    return taken;
  }
}
