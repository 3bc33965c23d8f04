/**
 * Reports in the background how often flags were evaluated, so that `fauna.usage` tells which flags are in use. The
 * evaluator counts; this asks it for its counts at every interval, and keeps what cannot be reported for later.
 *
 * There is one timer or one report at a time: the next wait begins when a report has ended, whatever became of it, and
 * doubles while reports fail. Nothing here keeps a process running.
 *
 * A report whose answer is lost is sent again, so a connection that breaks in that moment may count twice; losing counts
 * would be the alternative.
 */
import type { UsageCount } from '../evaluator/usage.ts';
import type { Logger } from '../logger.ts';
import type { Runtime } from '../runtime.ts';
import { Backoff } from '../source/http/backoff.ts';
import { SingleTimer } from '../single-timer.ts';
import { PendingUsage } from './pending-usage.ts';
import { MAX_COUNTS_PER_REPORT, report } from './usage-report.ts';
import type { ReportTarget } from './usage-report.ts';

/** Hands over what has been counted, and starts from zero: the evaluator. */
export interface UsageCounter {
  takeUsage(): Iterable<UsageCount>;
}

export interface UsageOptions extends ReportTarget {
  /** Between two reports, shortened by up to half at random so that processes do not report in step. */
  readonly intervalMs: number;
}

export interface UsageReporterOptions extends UsageOptions {
  readonly logger: Logger;
}

/** While reports fail the wait doubles up to this. */
const MAX_WAIT_MS = 600_000;
/** One report may take this long. */
const REPORT_TIMEOUT_MS = 10_000;
/** The last reports, at the end, may take this long together: what stops a process waits no longer. */
const CLOSE_TIMEOUT_MS = 3000;

export class UsageReporter {
  readonly #options: UsageReporterOptions;
  readonly #runtime: Runtime;
  readonly #counter: UsageCounter;
  readonly #backoff: Backoff;
  readonly #timer: SingleTimer;
  readonly #pending = new PendingUsage();
  readonly #end = new AbortController();
  #running: Promise<void> = Promise.resolve();
  /** What waits for the report under way. */
  #queued: Promise<void> | undefined;
  #closing: Promise<void> | undefined;
  #isFailing = false;
  #saidDropped = false;

  /** Begins to report. */
  constructor(options: UsageReporterOptions, runtime: Runtime, counter: UsageCounter) {
    this.#options = options;
    this.#runtime = runtime;
    this.#counter = counter;
    this.#timer = new SingleTimer(runtime, { background: true });
    const { intervalMs } = options;
    // Every report that gets through counts as a connection that was healthy: the waits start over.
    this.#backoff = new Backoff(
      { baseMs: intervalMs, maxMs: Math.max(intervalMs, MAX_WAIT_MS), healthyMs: 1 },
      runtime.random,
    );
    this.#wait(this.#backoff.next(0));
  }

  /**
   * Reports now what has been counted so far. Resolves when the report has ended, whatever became of it. While a report
   * is under way, all calls share the one that follows it. After a failure nothing is sent before the wait is over; the
   * counts stay.
   */
  flush(): Promise<void> {
    if (this.#closing !== undefined) return this.#closing;
    if (this.#queued === undefined) {
      this.#queued = this.#running.then(() => this.#reportUnlessWaiting());
      this.#running = this.#queued;
    }
    return this.#queued;
  }

  /** Reports a last time, in bounded time. May be called repeatedly. */
  close(): Promise<void> {
    this.#closing ??= this.#finish();
    return this.#closing;
  }

  async #finish(): Promise<void> {
    this.#timer.clear();
    const deadline = this.#runtime.setTimeout(() => {
      this.#end.abort();
    }, CLOSE_TIMEOUT_MS);
    await this.#running;
    await this.#reportAll();
    this.#runtime.clearTimeout(deadline);
    const lost = this.#pending.evaluations;
    if (lost > 0)
      this.#options.logger.warn(`closed before the usage of ${lost} evaluations could be reported`);
  }

  async #reportUnlessWaiting(): Promise<void> {
    this.#queued = undefined;
    // The wait after a failure; at the end there is none, for a last report follows.
    if (this.#isFailing && (this.#timer.isSet || this.#closing !== undefined)) return;
    this.#timer.clear();
    const waitMs = await this.#reportAll();
    if (this.#closing === undefined) this.#wait(waitMs);
  }

  /** Reports what there is until there is nothing or a report fails; returns how long to wait. Never rejects. */
  async #reportAll(): Promise<number> {
    this.#pending.add(this.#counter.takeUsage(), this.#runtime.now());
    this.#sayDropped();
    while (!this.#pending.isEmpty && !this.#end.signal.aborted) {
      const counts = this.#pending.take(MAX_COUNTS_PER_REPORT);
      const outcome = await this.#report(counts);
      if (outcome.kind === 'refused') {
        this.#options.logger.error(`a report of usage was refused and is given up: ${outcome.reason}`);
      }
      if (outcome.kind === 'failed') {
        this.#pending.restore(counts);
        this.#failed(outcome.reason);
        return Math.max(this.#backoff.next(0), outcome.retryAfterMs);
      }
    }
    if (this.#isFailing) this.#options.logger.info('usage is reported again');
    this.#isFailing = false;
    return this.#backoff.next(1);
  }

  async #report(counts: Parameters<typeof report>[0]): ReturnType<typeof report> {
    const attempt = new AbortController();
    const abort = (): void => {
      attempt.abort();
    };
    const timer = this.#runtime.setTimeout(abort, REPORT_TIMEOUT_MS);
    this.#end.signal.addEventListener('abort', abort);
    try {
      return await report(counts, this.#options, this.#runtime, attempt.signal);
    } finally {
      this.#runtime.clearTimeout(timer);
      this.#end.signal.removeEventListener('abort', abort);
    }
  }

  #failed(reason: string): void {
    if (this.#isFailing) return;
    this.#isFailing = true;
    this.#options.logger.warn(`usage is not reported: ${reason}; trying again`);
  }

  #sayDropped(): void {
    if (this.#saidDropped || this.#pending.dropped === 0) return;
    this.#saidDropped = true;
    this.#options.logger.warn('usage that could not be reported is given up: too much of it waits');
  }

  #wait(delayMs: number): void {
    this.#timer.set(delayMs, () => {
      void this.flush();
    });
  }
}
