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
  private readonly kind: number;
  private readonly texts: readonly string[];
  private readonly set: ReadonlySet<string> | undefined;
  private readonly holds: ((text: string) => boolean) | undefined;
  private readonly numbers: readonly number[];
  private readonly bound: number;
  private readonly hasTrue: boolean;
  private readonly hasFalse: boolean;

  private constructor(kind: number, operand: Operand) {
    this.kind = kind;
    this.texts = operand.texts ?? NONE;
    this.set = kind === TEXT_IN_SET ? new Set(operand.texts) : undefined;
    this.holds = operand.holds;
    this.numbers = operand.numbers ?? NONE;
    this.bound = operand.bound ?? 0;
    this.hasTrue = operand.booleans?.includes(true) === true;
    this.hasFalse = operand.booleans?.includes(false) === true;
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
    if (typeof value === 'string') return this.matchesText(value);
    if (typeof value === 'number') return this.matchesNumber(value);
    if (this.kind !== BOOLEAN_IN) return false;
    return value === true ? this.hasTrue : value === false && this.hasFalse;
  }

  private matchesText(text: string): boolean {
    switch (this.kind) {
      case TEXT_IN:
        return isOneOfTexts(text, this.texts);
      case TEXT_IN_SET:
        return this.set?.has(text) === true;
      case TEXT_STARTS:
        return startsWithOneOf(text, this.texts);
      case TEXT_ENDS:
        return endsWithOneOf(text, this.texts);
      case TEXT_CONTAINS:
        return containsOneOf(text, this.texts);
      case TEXT_ELSE:
        return this.holds?.(text) === true;
      default:
        return false;
    }
  }

  private matchesNumber(value: number): boolean {
    switch (this.kind) {
      case NUMBER_IN:
        return isOneOfNumbers(value, this.numbers);
      case NUMBER_LESS:
        return value < this.bound;
      case NUMBER_AT_MOST:
        return value <= this.bound;
      case NUMBER_GREATER:
        return value > this.bound;
      case NUMBER_AT_LEAST:
        return value >= this.bound;
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

// `for … of` is five times the bytecode, and V8 does not make long functions part of their callers.
/* eslint-disable @typescript-eslint/prefer-for-of */

// One function for each type: a comparison that has seen several is a call.

function isOneOfTexts(text: string, texts: readonly string[]): boolean {
  for (let index = 0; index < texts.length; index += 1) if (text === texts[index]) return true;
  return false;
}

function isOneOfNumbers(number: number, numbers: readonly number[]): boolean {
  for (let index = 0; index < numbers.length; index += 1) if (number === numbers[index]) return true;
  return false;
}

function startsWithOneOf(text: string, starts: readonly string[]): boolean {
  for (let index = 0; index < starts.length; index += 1)
    if (text.startsWith(starts[index] ?? '')) return true;
  return false;
}

function endsWithOneOf(text: string, ends: readonly string[]): boolean {
  for (let index = 0; index < ends.length; index += 1) if (text.endsWith(ends[index] ?? '')) return true;
  return false;
}

function containsOneOf(text: string, parts: readonly string[]): boolean {
  for (let index = 0; index < parts.length; index += 1) if (text.includes(parts[index] ?? '')) return true;
  return false;
}
