/**
 * Documents as a ruleset holds them: their JSON text, and from the first use on what it was compiled to.
 *
 * Most flags of an environment are never asked for by most processes. As text a document takes a third of the memory
 * that it takes parsed, and a put of thousands of flags compiles none; texts that are equal are documents that did not change.
 * Only what a document refers to is read at once, since a change of an audience has to find the flags that use it.
 */
import { CompiledAudience } from './audience.ts';
import { CompiledFlag } from './flag.ts';
import { isJsonObject } from './json-value.ts';

const NONE: readonly string[] = [];

/** A document and its key. */
export abstract class Held {
  readonly key: string;
  private readonly text: string;
  /** The document itself, where JSON text would not bring it back. */
  private readonly document: unknown;

  constructor(key: string, document: unknown) {
    this.key = key;
    this.text = JSON.stringify(document);
    this.document = ZERO.test(this.text) && holdsNegativeZero(document) ? document : undefined;
  }

  /** True if the two documents are the same. */
  equals(other: Held): boolean {
    return this.text === other.text && this.document === other.document;
  }

  protected parse(): unknown {
    return this.document ?? JSON.parse(this.text);
  }
}

/** A 0 that is no part of a longer number. `JSON.stringify` writes -0 like that too. */
const ZERO = /[[:,]0[\]},]/;

function holdsNegativeZero(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return Object.is(value, -0);
  return Object.values(value).some(holdsNegativeZero);
}

export class HeldFlag extends Held {
  readonly audiences: readonly string[];
  readonly prerequisites: readonly string[];
  private compilation: CompiledFlag | undefined;

  constructor(key: string, document: unknown) {
    super(key, document);
    this.audiences = collect(document, 'rules', (rule) =>
      collect(rule, 'audiences', (audience) => texts(audience.key)),
    );
    this.prerequisites = collect(document, 'prerequisites', (prerequisite) => texts(prerequisite.flag));
  }

  get compiled(): CompiledFlag {
    return (this.compilation ??= CompiledFlag.of(this.key, this.parse()));
  }

  /** See {@link CompiledFlag.takeCounts}; what was never evaluated has none. */
  takeCounts(tell: (variant: string | undefined, count: number) => void): void {
    this.compilation?.takeCounts(tell);
  }
}

export class HeldAudience extends Held {
  readonly audiences: readonly string[];
  private compilation: CompiledAudience | undefined;

  constructor(key: string, document: unknown) {
    super(key, document);
    this.audiences = collect(document, 'conditions', (condition) =>
      condition.operator === 'in_audience' ? texts(condition.values) : NONE,
    );
  }

  get compiled(): CompiledAudience {
    return (this.compilation ??= CompiledAudience.of(this.parse()));
  }
}

type Members = Readonly<Record<string, unknown>>;

/** What `read` finds in the objects of an array member. A document may be broken: what is not of its form has nothing. */
function collect(
  document: unknown,
  name: string,
  read: (element: Members) => readonly string[],
): readonly string[] {
  if (!isJsonObject(document)) return NONE;
  const elements: unknown = (document as Members)[name];
  if (!Array.isArray(elements)) return NONE;
  let found = NONE;
  for (const element of elements as readonly unknown[]) {
    if (!isJsonObject(element)) continue;
    const more = read(element);
    if (more.length > 0) found = found.length === 0 ? more : [...found, ...more];
  }
  return found;
}

function texts(value: unknown): readonly string[] {
  if (typeof value === 'string') return [value];
  return Array.isArray(value) ? value.filter((text) => typeof text === 'string') : NONE;
}
