// The products' processes, as the parent sees them.
import { fork } from 'node:child_process';

export function open(product, flagCount) {
  const child = fork(new URL('child.mjs', import.meta.url), [product, String(flagCount)], { execArgv: ['--expose-gc'] });
  const ask = (question, argument) =>
    new Promise((resolve, reject) => {
      const ended = (code) => reject(new Error(`${product} ended with ${code}`));
      child.once('exit', ended);
      child.once('message', ({ answer, error }) => {
        child.off('exit', ended);
        if (error === undefined) resolve(answer);
        else reject(new Error(`${product} with ${flagCount} flags: ${error}`));
      });
      child.send({ question, argument });
    });
  const close = () =>
    new Promise((resolve) => {
      child.once('exit', resolve);
      child.kill('SIGKILL');
    });
  return { product, flagCount, ask, close };
}
