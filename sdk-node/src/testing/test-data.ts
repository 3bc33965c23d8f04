/**
 * Flags for unit tests, changed as a test goes along: every client that was created with a `TestData` has each change
 * when the call that makes it returns. Evaluation is the real one.
 */
import type { Payload } from '../evaluator/payload.ts';
import { FaunaError } from '../fauna-error.ts';
import type { DataSink, DataSource, SourceFactory } from '../source/data-source.ts';
import { rulesetOption } from '../source/ruleset-json.ts';
import type { RulesetJson } from '../source/ruleset-json.ts';
import { AudienceBuilder } from './audience-builder.ts';
import { FlagBuilder } from './flag-builder.ts';

type Document = Readonly<Record<string, unknown>>;

const ALWAYS = { mayGoBack: true, isServerStale: false };

/**
 * A source for `createClient` whose flags a test sets.
 *
 * @example
 * const td = new TestData();
 * const fauna = await createClient({ source: td });
 * td.flag('checkout').on();
 * fauna.boolean('checkout', { targetingKey: 'user-1' }, false); // true
 */
export class TestData implements SourceFactory {
  readonly #environment: string;
  readonly #flags: Map<string, unknown>;
  readonly #audiences: Map<string, unknown>;
  readonly #flagBuilders = new Map<string, FlagBuilder>();
  readonly #audienceBuilders = new Map<string, AudienceBuilder>();
  readonly #sinks = new Set<DataSink>();
  #revision = 0;
  #outage: FaunaError | undefined;

  /**
   * Begins with the flags and audiences of `ruleset`, for example one that was exported with
   * `SELECT fauna.ruleset()`; with none if it is left out. Throws a TypeError when it is no ruleset.
   */
  constructor(ruleset: RulesetJson = { flags: {} }) {
    const { environment, flags, audiences } = rulesetOption('the ruleset', ruleset);
    this.#environment = environment;
    this.#flags = new Map(Object.entries(flags));
    this.#audiences = new Map(Object.entries(audiences));
  }

  /**
   * The builder of a flag. The first call for a key makes a boolean flag that is off, instead of whatever was there
   * under this key; further calls go on where the last one ended.
   */
  flag(key: string): FlagBuilder {
    const known = this.#flagBuilders.get(key);
    if (known !== undefined) return known;
    const builder = new FlagBuilder(key, (documents) => {
      for (const audience of documents.needed) {
        if (!this.#audiences.has(audience)) documents.audiences[audience] = new AudienceBuilder().document;
      }
      this.#write({ [key]: documents.flag }, documents.audiences);
    });
    this.#flagBuilders.set(key, builder);
    builder.publish();
    return builder;
  }

  /** The builder of an audience. The first call for a key makes one that nobody is in. */
  audience(key: string): AudienceBuilder {
    const known = this.#audienceBuilders.get(key);
    if (known !== undefined) return known;
    const builder = new AudienceBuilder((document) => {
      this.#write({}, { [key]: document });
    });
    this.#audienceBuilders.set(key, builder);
    builder.publish();
    return builder;
  }

  /** Sets a flag's whole document, as the database would send it. */
  useDocument(key: string, document: Document): this {
    this.#flagBuilders.delete(key);
    this.#write({ [key]: document }, {});
    return this;
  }

  /** Deletes a flag: evaluations of it give their defaults, with FLAG_NOT_FOUND. */
  remove(key: string): this {
    this.#flagBuilders.delete(key);
    if (this.#flags.has(key)) this.#write({ [key]: null }, {});
    return this;
  }

  /** As if the connection broke: clients have an error, are `stale` after `staleAfterMs`, and hear of no change. */
  interrupt(error = new FaunaError('DISCONNECTED', 'interrupted by a test')): this {
    this.#outage = error;
    for (const sink of [...this.#sinks]) sink.interrupted(error);
    return this;
  }

  /** Ends an interruption: clients have what changed meanwhile, and are `ready`. */
  resume(): this {
    this.#outage = undefined;
    for (const sink of [...this.#sinks]) this.#begin(sink);
    return this;
  }

  /** Called by `createClient`. */
  createSource(): DataSource {
    let sink: DataSink | undefined;
    return {
      start: (started) => {
        sink = started;
        this.#sinks.add(started);
        if (this.#outage === undefined) this.#begin(started);
        else started.interrupted(this.#outage);
      },
      close: () => {
        if (sink !== undefined) this.#sinks.delete(sink);
        return Promise.resolve();
      },
    };
  }

  #begin(sink: DataSink): void {
    sink.apply(
      this.#payload(undefined, Object.fromEntries(this.#flags), Object.fromEntries(this.#audiences)),
      ALWAYS,
    );
    sink.live(false);
  }

  #write(flags: Document, audiences: Document): void {
    const from = this.#revision;
    this.#revision += 1;
    merge(this.#flags, flags);
    merge(this.#audiences, audiences);
    if (this.#outage !== undefined) return;
    const patch = this.#payload(from, flags, audiences);
    for (const sink of [...this.#sinks]) {
      // A listener of one client may have set a flag meanwhile, so that the next client has the later patch first.
      if (sink.apply(patch, ALWAYS) === 'gap') this.#begin(sink);
    }
  }

  #payload(from: number | undefined, flags: Document, audiences: Document): Payload {
    return {
      environment: this.#environment,
      epoch: 'test',
      revision: this.#revision,
      from,
      flags,
      audiences,
    };
  }
}

function merge(into: Map<string, unknown>, documents: Document): void {
  for (const [key, document] of Object.entries(documents)) {
    if (document === null) into.delete(key);
    else into.set(key, document);
  }
}
