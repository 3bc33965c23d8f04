/**
 * Any source, with a memory: begins with what the cache on disk has, so that there are values though nothing answers
 * and a server need only send what is new; and keeps what the source delivers.
 *
 * Writing is behind everything else: at most once a second, one at a time, and once more on `close()`, which does not
 * wait for a disk that hangs. What cannot be written is a warning, once until it can be again, and never in the way of
 * the flags.
 */
import type { Payload } from '../../evaluator/payload.ts';
import { SingleTimer } from '../../single-timer.ts';
import type { ApplyResult, DataSink, DataSource, SourceHost } from '../data-source.ts';
import { DocumentTexts } from './document-texts.ts';
import { reasonOf } from './ruleset-cache.ts';
import type { RulesetCache } from './ruleset-cache.ts';

const WRITE_AFTER_MS = 1000;
/** A disk that does not answer for this long is one that there is not. */
const READ_WITHIN_MS = 1000;
/** What `close()` grants the last write. */
const LAST_WRITE_WITHIN_MS = 3000;

export class CachedSource implements DataSource {
  readonly #source: DataSource;
  readonly #cache: RulesetCache;
  readonly #host: SourceHost;
  readonly #timer: SingleTimer;
  readonly #texts = new DocumentTexts();
  #isClosed = false;
  #isUnsaved = false;
  #isTakenBack = false;
  #isFailing = false;
  #giveUpReading: () => void = () => undefined;
  #beginning: Promise<void> = Promise.resolve();
  #writing: Promise<void> = Promise.resolve();
  #closing: Promise<void> | undefined;

  constructor(source: DataSource, cache: RulesetCache, host: SourceHost) {
    this.#source = source;
    this.#cache = cache;
    this.#host = host;
    this.#timer = new SingleTimer(host.runtime);
  }

  start(sink: DataSink): void {
    this.#beginning = this.#begin(sink);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#isClosed = true;
    this.#giveUpReading();
    await this.#beginning;
    await this.#source.close();
    const givenUp = new Promise<void>((resolve) => {
      this.#timer.set(LAST_WRITE_WITHIN_MS, () => {
        this.#host.logger.warn(
          `the ruleset may not be cached: the disk did not answer within ${LAST_WRITE_WITHIN_MS} ms`,
        );
        resolve();
      });
    });
    await Promise.race([this.#save(), givenUp]);
    this.#timer.clear();
  }

  async #begin(sink: DataSink): Promise<void> {
    const payload = await this.#read();
    if (this.#isClosed) return;
    if (payload !== undefined && sink.restore(payload) !== 'older') this.#texts.write(payload);
    this.#source.start(this.#recording(sink));
  }

  async #read(): Promise<Payload | undefined> {
    const givenUp = new Promise<undefined>((resolve) => {
      this.#giveUpReading = () => {
        resolve(undefined);
      };
      this.#timer.set(READ_WITHIN_MS, () => {
        this.#host.logger.warn(`the cache of rulesets did not answer within ${READ_WITHIN_MS} ms`);
        resolve(undefined);
      });
    });
    const payload = await Promise.race([this.#cache.read(), givenUp]);
    this.#timer.clear();
    return payload;
  }

  /** The client, but whatever it takes is kept as well. */
  #recording(sink: DataSink): DataSink {
    return {
      get position() {
        return sink.position;
      },
      get resumableFrom() {
        return sink.resumableFrom;
      },
      restore: (payload) => sink.restore(payload),
      apply: (payload, delivery) => {
        const before = sink.position;
        const result = sink.apply(payload, delivery);
        const isBack = before?.epoch === payload.epoch && payload.revision < before.revision;
        this.#record(payload, result, isBack);
        return result;
      },
      live: (isServerStale) => {
        sink.live(isServerStale);
      },
      interrupted: (error) => {
        sink.interrupted(error);
      },
    };
  }

  #record(payload: Payload, result: ApplyResult, isBack: boolean): void {
    // A put that is known is the content of a bootstrap, which later patches build on.
    const isTaken = result === 'applied' || (result === 'known' && payload.from === undefined);
    if (!isTaken) return;
    this.#texts.write(payload);
    this.#isUnsaved = true;
    if (isBack) this.#isTakenBack = true;
    if (!this.#timer.isSet && !this.#isClosed) {
      this.#timer.set(WRITE_AFTER_MS, () => {
        void this.#save();
      });
    }
  }

  /** Writes what there is to be written, after whatever write is under way. Never rejects. */
  #save(): Promise<void> {
    this.#writing = this.#writing.then(async () => {
      const { position } = this.#texts;
      if (!this.#isUnsaved || position === undefined) return;
      const isTakenBack = this.#isTakenBack;
      this.#isUnsaved = false;
      this.#isTakenBack = false;
      try {
        await this.#cache.write(position, this.#texts.toJson(), isTakenBack);
        this.#isFailing = false;
      } catch (error) {
        // The files that are ahead of what was taken back are still there; the next attempt has to go past them.
        this.#isTakenBack ||= isTakenBack;
        this.#failed(error);
      }
    });
    return this.#writing;
  }

  #failed(error: unknown): void {
    this.#isUnsaved = true;
    if (this.#isFailing) return;
    this.#isFailing = true;
    this.#host.logger.warn(
      `the ruleset cannot be cached: ${reasonOf(error)}; it is tried again with the next change`,
    );
  }
}
