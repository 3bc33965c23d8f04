/** Why a command cannot do what it was asked for, in words for the person at the terminal. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
}

/** What a rejected promise says; `fetch` says "fetch failed" and puts what happened into its cause. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}
