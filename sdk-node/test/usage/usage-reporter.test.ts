import { beforeEach, expect, test } from 'vitest';
import type { Logger } from '../../src/logger.ts';
import type { Runtime } from '../../src/runtime.ts';
import type { UsageCount } from '../../src/evaluator/usage.ts';
import { UsageReporter } from '../../src/usage/usage-reporter.ts';
import { FakeRuntime, flush } from '../support/fake-runtime.ts';

const INTERVAL = 60_000;
const TEN_MINUTES = 600_000;
const CLOSE_WITHIN = 3000;

class Counter {
  #counts: UsageCount[] = [];

  count(flag: string, variant: string | undefined, evaluations = 1): void {
    this.#counts.push({ flag, variant, evaluations });
  }

  takeUsage(): Iterable<UsageCount> {
    const counts = this.#counts;
    this.#counts = [];
    return counts;
  }
}

let runtime: FakeRuntime;
let counter: Counter;
let log: string[];

beforeEach(() => {
  runtime = new FakeRuntime();
  counter = new Counter();
  log = [];
});

function reporter(intervalMs = INTERVAL): UsageReporter {
  const write = (message: string): number => log.push(message);
  const logger: Logger = { info: write, warn: write, error: write };
  const target = { url: 'http://bridge', key: 'fauna_sk_x', userAgent: 'test' };
  return new UsageReporter({ ...target, intervalMs, logger }, runtime, counter);
}

function functionsOf({ fetch, setTimeout, clearTimeout, now, random }: FakeRuntime): Runtime {
  return { fetch, setTimeout, clearTimeout, now, random };
}

const sent = (index: number): unknown => JSON.parse(runtime.requests[index]?.body as string);

test('what was counted is reported once an interval has passed', async () => {
  reporter();
  counter.count('checkout', 'on', 3);
  counter.count('checkout', undefined, 2);
  await runtime.advance(INTERVAL - 1);
  expect(runtime.requests).toHaveLength(0);
  await runtime.advance(1);
  const request = runtime.lastRequest;
  expect([request.method, request.url]).toEqual(['POST', 'http://bridge/v1/usage']);
  expect(request.headers.get('authorization')).toBe('Bearer fauna_sk_x');
  expect(request.headers.get('content-type')).toBe('application/json');
  expect(sent(0)).toEqual({
    counts: [
      { flag: 'checkout', variant: 'on', evaluations: 3 },
      { flag: 'checkout', evaluations: 2 },
    ],
  });
});

test('nothing counted is nothing sent', async () => {
  reporter();
  await runtime.advance(10 * INTERVAL);
  expect(runtime.requests).toHaveLength(0);
  expect(runtime.timerCount).toBe(1);
});

test('a report that was counted is not sent again', async () => {
  reporter();
  counter.count('a', 'on');
  await runtime.advance(INTERVAL);
  await runtime.lastRequest.finish();
  await runtime.advance(5 * INTERVAL);
  expect(runtime.requests).toHaveLength(1);
});

test('a report that failed is sent again with what was counted since, and never two at a time', async () => {
  reporter();
  counter.count('a', 'on', 3);
  await runtime.advance(INTERVAL);
  counter.count('a', 'on', 4);
  await runtime.advance(5000);
  expect(runtime.requests).toHaveLength(1);
  runtime.lastRequest.fail();
  await runtime.advance(2 * INTERVAL);
  expect(runtime.requests).toHaveLength(2);
  expect(sent(1)).toEqual({ counts: [{ flag: 'a', variant: 'on', evaluations: 7 }] });
});

test('the wait doubles while reports fail, up to ten minutes, and starts over', async () => {
  reporter();
  counter.count('a', 'on');
  const waits = [INTERVAL, 2 * INTERVAL, 4 * INTERVAL, 8 * INTERVAL, TEN_MINUTES, TEN_MINUTES];
  for (const [index, waitMs] of waits.entries()) {
    expect(runtime.delaysMs).toEqual([waitMs]);
    await runtime.advance(waitMs);
    expect(runtime.requests).toHaveLength(index + 1);
    await runtime.lastRequest.finish(503);
  }
  await runtime.advance(TEN_MINUTES);
  await runtime.lastRequest.finish();
  expect(runtime.delaysMs).toEqual([INTERVAL]);
});

test('the server is not asked again before its Retry-After', async () => {
  reporter(1000);
  counter.count('a', 'on');
  await runtime.advance(1000);
  await runtime.lastRequest.finish(429, { 'retry-after': '120' });
  expect(runtime.delaysMs).toEqual([120_000]);
});

test('a report that is refused as malformed is given up', async () => {
  reporter();
  counter.count('a', 'on');
  await runtime.advance(INTERVAL);
  await runtime.lastRequest.finish(400);
  await runtime.advance(INTERVAL);
  expect(runtime.requests).toHaveLength(1);
  expect(log).toEqual(['a report of usage was refused and is given up: the server answered 400']);
});

test('an outage is said once, and its end', async () => {
  reporter();
  for (let round = 0; round < 3; round += 1) {
    counter.count('a', 'on');
    await runtime.advance(INTERVAL * 2 ** round);
    await runtime.lastRequest.finish(503);
  }
  await runtime.advance(INTERVAL * 8);
  await runtime.lastRequest.finish();
  expect(log).toEqual([
    'usage is not reported: the server answered 503; trying again',
    'usage is reported again',
  ]);
});

test('a server that never answers is given up after ten seconds', async () => {
  reporter();
  counter.count('a', 'on');
  await runtime.advance(INTERVAL);
  await runtime.advance(10_000);
  expect(runtime.lastRequest.isAborted).toBe(true);
  expect(log).toEqual(['usage is not reported: no answer in time; trying again']);
});

test('many counts are several reports, one after the other', async () => {
  reporter();
  for (let index = 0; index < 2001; index += 1) counter.count(`flag-${index}`, 'on');
  await runtime.advance(INTERVAL);
  expect(runtime.requests).toHaveLength(1);
  await runtime.lastRequest.finish();
  expect(runtime.requests).toHaveLength(2);
  expect(sent(1)).toEqual({ counts: [{ flag: 'flag-2000', variant: 'on', evaluations: 1 }] });
});

test('a count that waited into another hour is reported under its own', async () => {
  reporter();
  counter.count('a', 'on');
  await runtime.advance(INTERVAL);
  await runtime.lastRequest.finish(503);
  runtime.skip(3_600_000);
  counter.count('a', 'on', 2);
  await runtime.advance(TEN_MINUTES);
  expect(sent(1)).toEqual({
    counts: [
      { flag: 'a', variant: 'on', evaluations: 1, hour: '2026-01-01T00:00:00.000Z' },
      { flag: 'a', variant: 'on', evaluations: 2 },
    ],
  });
});

test('flush() reports at once and leaves one timer', async () => {
  const usage = reporter();
  counter.count('a', 'on');
  const flushed = usage.flush();
  await flush();
  await runtime.lastRequest.finish();
  await flushed;
  expect(runtime.requests).toHaveLength(1);
  expect(runtime.timerCount).toBe(1);
});

test('however often flush() is called during a report, one more follows with all that was counted since', async () => {
  const usage = reporter();
  counter.count('a', 'on');
  const first = usage.flush();
  await flush();
  counter.count('b', 'on');
  const second = usage.flush();
  counter.count('c', 'on');
  expect(usage.flush()).toBe(second);
  expect(second).not.toBe(first);
  await runtime.lastRequest.finish();
  expect(sent(1)).toEqual({
    counts: [
      { flag: 'b', variant: 'on', evaluations: 1 },
      { flag: 'c', variant: 'on', evaluations: 1 },
    ],
  });
  await runtime.lastRequest.finish();
  await second;
  expect([runtime.requests.length, runtime.timerCount]).toEqual([2, 1]);
});

test('after a failure flush() sends nothing before Retry-After is over, and the counts stay', async () => {
  const usage = reporter(1000);
  counter.count('a', 'on');
  const running = usage.flush();
  await flush();
  counter.count('a', 'on', 2);
  const queued = usage.flush();
  await runtime.lastRequest.finish(429, { 'retry-after': '120' });
  await Promise.all([running, queued]);
  counter.count('a', 'on', 4);
  await runtime.advance(119_999);
  await usage.flush();
  expect([runtime.requests.length, runtime.delaysMs]).toEqual([1, [1]]);
  await runtime.advance(1);
  expect(sent(1)).toEqual({ counts: [{ flag: 'a', variant: 'on', evaluations: 7 }] });
  await runtime.lastRequest.finish();
  counter.count('a', 'on');
  void usage.flush();
  await flush();
  expect(runtime.requests).toHaveLength(3);
});

test('close() reports once more after a failure, though a flush waits as well', async () => {
  const usage = reporter();
  counter.count('a', 'on', 9);
  void usage.flush();
  await flush();
  const queued = usage.flush();
  const closed = usage.close();
  await runtime.lastRequest.finish(503);
  await queued;
  expect(runtime.requests).toHaveLength(2);
  await runtime.lastRequest.finish();
  await closed;
  expect([runtime.requests.length, runtime.timerCount]).toEqual([2, 0]);
});

test('close() reports a last time and leaves no timer', async () => {
  const usage = reporter();
  counter.count('a', 'on', 9);
  const closed = usage.close();
  await flush();
  expect(sent(0)).toEqual({ counts: [{ flag: 'a', variant: 'on', evaluations: 9 }] });
  await runtime.lastRequest.finish();
  await closed;
  expect(runtime.timerCount).toBe(0);
});

test('close() waits three seconds at most for a server that does not answer, and says what was lost', async () => {
  const usage = reporter();
  counter.count('a', 'on', 9);
  await runtime.advance(INTERVAL);
  counter.count('b', 'on', 1);
  let isClosed = false;
  void usage.close().then(() => {
    isClosed = true;
  });
  await runtime.advance(CLOSE_WITHIN - 1);
  expect(isClosed).toBe(false);
  await runtime.advance(1);
  expect(isClosed).toBe(true);
  expect(runtime.timerCount).toBe(0);
  expect(log.at(-1)).toBe('closed before the usage of 10 evaluations could be reported');
});

test('close() does not wait for a fetch that knows nothing of signals', async () => {
  const usage = new UsageReporter(
    { url: 'http://bridge', key: 'k', userAgent: 'test', intervalMs: INTERVAL, logger: console },
    { ...functionsOf(runtime), fetch: () => new Promise(() => undefined) },
    counter,
  );
  const closed = usage.close();
  await runtime.advance(CLOSE_WITHIN);
  await expect(closed).resolves.toBeUndefined();
});

test('closing twice reports once, and a flush after it reports nothing', async () => {
  const usage = reporter();
  counter.count('a', 'on');
  const closed = [usage.close(), usage.close(), usage.flush()];
  await flush();
  await runtime.lastRequest.finish();
  await Promise.all(closed);
  counter.count('a', 'on');
  await usage.flush();
  expect(runtime.requests).toHaveLength(1);
});

test('its timer does not keep a process running', () => {
  let released = 0;
  const setTimeout = (): unknown => ({ unref: () => (released += 1) });
  const usage = new UsageReporter(
    { url: 'http://bridge', key: 'k', userAgent: 'test', intervalMs: INTERVAL, logger: console },
    { ...functionsOf(runtime), setTimeout },
    counter,
  );
  expect(usage).toBeInstanceOf(UsageReporter);
  expect(released).toBe(1);
});
