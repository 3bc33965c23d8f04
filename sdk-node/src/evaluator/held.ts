/**
 * Documents as a ruleset holds them: as they came, and from the first use on with what they were compiled to.
 *
 * Most flags of an environment are never asked for by most processes, so a put of thousands compiles none. As JSON text they
 * would take hardly less memory (720 bytes instead of 800 for a flag with one rule), and writing it took as long as all else that
 * makes a client ready. Only what a document refers to is read at once, since a change of an audience has to find
 * the flags that use it.
 */
import { isDeepStrictEqual } from 'node:util';
import { CompiledAudience } from './audience.ts';
import { CompiledFlag } from './flag.ts';
import { isJsonObject } from './json-value.ts';

const NONE: readonly string[] = [];

/** A document and its key. */
export abstract class Held {
  readonly key: string;
  protected readonly document: unknown;

  constructor(key: string, document: unknown) {
    this.key = key;
    this.document = document;
  }

  /** True if this is the document, whatever the order of its members. */
  isOf(document: unknown): boolean {
    return isDeepStrictEqual(this.document, document);
  }
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
    return (this.compilation ??= CompiledFlag.of(this.key, this.document));
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
    return (this.compilation ??= CompiledAudience.of(this.document));
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
