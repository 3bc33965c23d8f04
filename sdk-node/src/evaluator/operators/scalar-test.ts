/**
 * A comparison with a condition's values. The frequent ones are data under one `switch`, not closures: V8 makes one piece
 * of machine code of it and of what surrounds it, where a call of one among many closures is a jump into the unknown.
 */

const TEXT_IN = 0;
const TEXT_IN_SET = 1;
const TEXT_STARTS = 2;
const TEXT_ENDS = 3;
const TEXT_CONTAINS = 4;
const TEXT_ELSE = 5;
const NUMBER_IN = 6;
const NUMBER_LESS = 7;
const NUMBER_AT_MOST = 8;
const NUMBER_GREATER = 9;
const NUMBER_AT_LEAST = 10;
const BOOLEAN_IN = 11;

/** From how many texts on a hash lookup beats comparing one after the other. */
const SET_FROM = 8;

const NONE: readonly never[] = [];

/**
 * Tests one scalar of a context. It is given anything a context may hold and answers false for what is not of its
 * type: no coercion.
 */
export class ScalarTest {
  readonly #kind: number;
  readonly #texts: readonly string[];
  readonly #set: ReadonlySet<string> | undefined;
  readonly #holds: ((text: string) => boolean) | undefined;
  readonly #numbers: readonly number[];
  readonly #bound: number;
  readonly #booleans: readonly boolean[];

  private constructor(kind: number, operand: Operand) {
    this.#kind = kind;
    this.#texts = operand.texts ?? NONE;
    this.#set = kind === TEXT_IN_SET ? new Set(operand.texts) : undefined;
    this.#holds = operand.holds;
    this.#numbers = operand.numbers ?? NONE;
    this.#bound = operand.bound ?? 0;
    this.#booleans = operand.booleans ?? NONE;
  }

  /** Texts that are one of these. */
  static textIn(texts: readonly string[]): ScalarTest {
    return new ScalarTest(texts.length < SET_FROM ? TEXT_IN : TEXT_IN_SET, { texts });
  }

  /** Texts that start with one of these. */
  static textStarts(texts: readonly string[]): ScalarTest {
    return new ScalarTest(TEXT_STARTS, { texts });
  }

  /** Texts that end with one of these. */
  static textEnds(texts: readonly string[]): ScalarTest {
    return new ScalarTest(TEXT_ENDS, { texts });
  }

  /** Texts that contain one of these. */
  static textContains(texts: readonly string[]): ScalarTest {
    return new ScalarTest(TEXT_CONTAINS, { texts });
  }

  /** Texts for which a function says so: for what costs far more than a call. */
  static textThat(holds: (text: string) => boolean): ScalarTest {
    return new ScalarTest(TEXT_ELSE, { holds });
  }

  /** Numbers that are one of these. */
  static numberIn(numbers: readonly number[]): ScalarTest {
    return new ScalarTest(NUMBER_IN, { numbers });
  }

  static numberLess(bound: number): ScalarTest {
    return new ScalarTest(NUMBER_LESS, { bound });
  }

  static numberAtMost(bound: number): ScalarTest {
    return new ScalarTest(NUMBER_AT_MOST, { bound });
  }

  static numberGreater(bound: number): ScalarTest {
    return new ScalarTest(NUMBER_GREATER, { bound });
  }

  static numberAtLeast(bound: number): ScalarTest {
    return new ScalarTest(NUMBER_AT_LEAST, { bound });
  }

  /** Booleans that are one of these. */
  static booleanIn(booleans: readonly boolean[]): ScalarTest {
    return new ScalarTest(BOOLEAN_IN, { booleans });
  }

  matches(value: unknown): boolean {
    if (typeof value === 'string') return this.#matchesText(value);
    if (typeof value === 'number') return this.#matchesNumber(value);
    return typeof value === 'boolean' && this.#kind === BOOLEAN_IN && isOneOf(value, this.#booleans);
  }

  #matchesText(text: string): boolean {
    const texts = this.#texts;
    switch (this.#kind) {
      case TEXT_IN:
        return isOneOf(text, texts);
      case TEXT_IN_SET:
        return this.#set?.has(text) === true;
      case TEXT_STARTS:
        for (const start of texts) if (text.startsWith(start)) return true;
        return false;
      case TEXT_ENDS:
        for (const end of texts) if (text.endsWith(end)) return true;
        return false;
      case TEXT_CONTAINS:
        for (const part of texts) if (text.includes(part)) return true;
        return false;
      case TEXT_ELSE:
        return this.#holds?.(text) === true;
      default:
        return false;
    }
  }

  #matchesNumber(value: number): boolean {
    switch (this.#kind) {
      case NUMBER_IN:
        return isOneOf(value, this.#numbers);
      case NUMBER_LESS:
        return value < this.#bound;
      case NUMBER_AT_MOST:
        return value <= this.#bound;
      case NUMBER_GREATER:
        return value > this.#bound;
      case NUMBER_AT_LEAST:
        return value >= this.#bound;
      default:
        return false;
    }
  }
}

/** What a comparison compares with; which member counts follows from its kind. */
interface Operand {
  readonly texts?: readonly string[];
  readonly holds?: (text: string) => boolean;
  readonly numbers?: readonly number[];
  readonly bound?: number;
  readonly booleans?: readonly boolean[];
}

function isOneOf<T extends string | number | boolean>(value: T, values: readonly T[]): boolean {
  for (const one of values) if (value === one) return true;
  return false;
}
