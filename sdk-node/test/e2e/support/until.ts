const DEADLINE_MS = 30_000;

/** Waits until a condition holds, asking again and again; fails with its name when it does not in time. */
export async function until(
  condition: string,
  holds: () => unknown,
  deadlineMs = DEADLINE_MS,
): Promise<void> {
  const end = Date.now() + deadlineMs;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`in ${deadlineMs} ms it did not come to be that ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
