/** A timer of Node cannot be set for longer; it would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Checks a duration given as an option; throws a TypeError that names it. */
export function duration(name: string, value: number | undefined, fallback: number, atLeast = 0): number {
  if (value === undefined) return fallback;
  if (typeof value !== 'number' || !(value >= atLeast && value <= MAX_TIMER_MS)) {
    throw new TypeError(
      `the option ${name} must be a number of milliseconds from ${atLeast} to ${MAX_TIMER_MS}`,
    );
  }
  return value;
}
