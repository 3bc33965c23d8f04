/**
 * Waits for work that an abort ends. Requests and bodies of the real world fail when their signal aborts; those of an
 * injected `fetch` need not know about that, and nobody may wait for them for ever.
 */
export async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let abandon: (() => void) | undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    abandon = () => {
      reject(new Error('aborted'));
    };
    signal.addEventListener('abort', abandon);
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    if (abandon !== undefined) signal.removeEventListener('abort', abandon);
  }
}
