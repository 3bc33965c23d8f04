/**
 * The grammar of patterns that Rust's `regex` and `re2js` understand alike, as `conformance/README.md` writes it down.
 * The database refuses anything else when a condition is written; a document that has it all the same must be an error
 * here too, and not whatever this engine would make of it.
 */
import { CLASS_LETTERS, readClass } from './character-class.ts';
import { PatternReader } from './pattern-reader.ts';

const MAX_LENGTH = 1000;
const MAX_NESTING = 50;
/** The highest count in `{…}`, and the highest product of counts one inside another. */
const MAX_COUNT = 1000;
/** The highest size, where a character, an assertion or an item of a class is 1 and a count multiplies. */
const MAX_SIZE = 2000;

const ASSERTIONS = ['^', '$', '\\A', '\\z', '\\b', '\\B'] as const;

interface Measure {
  readonly size: number;
  /** The product of the counts nested in it. */
  readonly counts: number;
}

/** Throws a DocumentError unless the pattern is of the grammar. */
export function checkPattern(pattern: string): void {
  const reader = new PatternReader(pattern);
  if (reader.length > MAX_LENGTH) throw reader.error('longer than 1000 characters');
  readAlternatives(reader, 0);
  if (reader.peek() !== undefined) throw reader.error('unopened group');
}

/** Alternatives up to the end of the group, which is left for the caller. */
function readAlternatives(reader: PatternReader, nesting: number): Measure {
  let total: Measure = { size: 0, counts: 1 };
  for (;;) {
    const next = reader.peek();
    if (next === undefined || next === ')') return total;
    if (reader.takeIf('|')) continue;
    const piece = readPiece(reader, nesting);
    total = { size: total.size + piece.size, counts: Math.max(total.counts, piece.counts) };
    if (total.size > MAX_SIZE) throw reader.error('too large when counts are written out');
  }
}

/** An assertion or a change of flags, or an atom with its repetition. */
function readPiece(reader: PatternReader, nesting: number): Measure {
  if (ASSERTIONS.some((assertion) => reader.takeIf(assertion))) return notRepeated(reader);
  if (reader.peek() === '(') {
    const group = readGroup(reader, nesting);
    return group === undefined ? notRepeated(reader) : readRepetition(reader, group);
  }
  return readRepetition(reader, { size: readAtom(reader), counts: 1 });
}

function notRepeated(reader: PatternReader): Measure {
  if (/^[*+?{]$/.test(reader.peek() ?? '')) throw reader.error('nothing to repeat');
  return { size: 1, counts: 1 };
}

/** Reads an atom but for groups and returns its size. */
function readAtom(reader: PatternReader): number {
  if (reader.peek() === '[') return readClass(reader);
  const character = reader.take() ?? '';
  if (character === '\\') {
    const letter = reader.peek();
    if (letter !== undefined && CLASS_LETTERS.includes(letter)) reader.take();
    else reader.readEscape();
  } else if (/^[*+?]$/.test(character)) {
    throw reader.error('nothing to repeat');
  } else if (/^[{}\]]$/.test(character)) {
    throw reader.error('a literal brace or bracket needs a backslash');
  } else if (character !== '.') {
    reader.codeOf(character);
  }
  return 1;
}

/** Reads a group; undefined for a change of flags such as `(?i)`. */
function readGroup(reader: PatternReader, nesting: number): Measure | undefined {
  if (nesting === MAX_NESTING) throw reader.error('groups nested more than 50 deep');
  reader.take();
  if (reader.takeIf('?')) {
    const hasFlags = readFlags(reader);
    if (hasFlags && reader.takeIf(')')) return undefined;
    if (!reader.takeIf(':')) throw reader.error('this kind of group is not supported');
  }
  const measure = readAlternatives(reader, nesting + 1);
  if (!reader.takeIf(')')) throw reader.error('unclosed group');
  return measure;
}

/** Flags to set and, after a minus, to clear; each of `i`, `m` and `s` once at most. */
function readFlags(reader: PatternReader): boolean {
  const flags = reader.takeWhile(/^[ims-]$/, MAX_LENGTH);
  if (new Set(flags).size < flags.length) throw reader.error('repeated flag');
  if (flags.endsWith('-')) throw reader.error('a flag is missing');
  return flags !== '';
}

function readRepetition(reader: PatternReader, { size, counts }: Measure): Measure {
  let count = 1;
  if (reader.takeIf('{')) count = readCounts(reader);
  else if (!['*', '+', '?'].some((sign) => reader.takeIf(sign))) return { size, counts };
  reader.takeIf('?');
  if (/^[*+?{]$/.test(reader.peek() ?? '')) throw reader.error('a repetition of a repetition needs a group');
  if (counts * count > MAX_COUNT) throw reader.error('repeated more than 1000 times');
  return { size: Math.max(size, 1) * count, counts: counts * count };
}

/** `n}`, `n,}` or `n,m}`: how many copies are written out at most. */
function readCounts(reader: PatternReader): number {
  const least = readCount(reader);
  const most = reader.takeIf(',') && reader.peek() !== '}' ? readCount(reader) : least;
  if (!reader.takeIf('}')) throw reader.error('not a repetition; a literal brace needs a backslash');
  if (most < least) throw reader.error('the greater count comes first');
  return Math.max(most, 1);
}

function readCount(reader: PatternReader): number {
  const digits = reader.takeWhile(/^\d$/, 4);
  if (digits === '') throw reader.error('not a repetition; a literal brace needs a backslash');
  if (Number(digits) > MAX_COUNT) throw reader.error('repeated more than 1000 times');
  return Number(digits);
}
