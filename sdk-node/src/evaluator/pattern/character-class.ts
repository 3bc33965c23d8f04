/** The bracketed classes of a pattern. */
import type { PatternReader } from './pattern-reader.ts';

const NAMES = [
  'alnum',
  'alpha',
  'ascii',
  'blank',
  'cntrl',
  'digit',
  'graph',
  'lower',
  'print',
  'punct',
  'space',
  'upper',
  'word',
  'xdigit',
] as const;

/** The letters of the class escapes: digits, white space, word characters, and their opposites. */
export const CLASS_LETTERS = 'dDsSwW';

/** Reads a class from its bracket on and returns the number of its items. */
export function readClass(reader: PatternReader): number {
  reader.take();
  reader.takeIf('^');
  for (let items = 0; ; items += 1) {
    const next = reader.peek();
    if (next === undefined) throw reader.error('unclosed class');
    if (next === ']') {
      if (items === 0) throw reader.error('a literal brace or bracket needs a backslash');
      reader.take();
      return items;
    }
    if (next === '[') readNamed(reader);
    else readItem(reader, items === 0);
  }
}

/** `[:name:]` or `[:^name:]`. */
function readNamed(reader: PatternReader): void {
  const isNamed = NAMES.some((name) => reader.takeIf(`[:${name}:]`) || reader.takeIf(`[:^${name}:]`));
  if (!isNamed) throw reader.error('not the name of a class; a literal bracket needs a backslash');
}

/** A character, a range of characters, or a class escape. */
function readItem(reader: PatternReader, isFirst: boolean): void {
  if (reader.takeIf('-')) {
    // Elsewhere one engine or the other might read a range or a set operation.
    const isAtEdge = (isFirst && reader.peek() !== '-') || reader.peek() === ']';
    if (!isAtEdge) throw reader.error('a literal hyphen inside a class needs a backslash');
    return;
  }
  if (reader.takeIf('&&') || reader.takeIf('~~')) throw reader.error('set operations are not supported');
  const low = readMember(reader);
  // A hyphen after a class escape is no range; it is read as an item of its own.
  if (low === undefined || reader.peek() !== '-') return;
  reader.take();
  if (reader.peek() === ']') return;
  if (reader.peek() === '[' || reader.peek() === '-') throw reader.error('a range needs two characters');
  const high = readMember(reader);
  if (high === undefined || high < low) throw reader.error('a range needs two characters in order');
}

/** The code point read, undefined for a class escape. */
function readMember(reader: PatternReader): number | undefined {
  const character = reader.take();
  if (character === undefined) throw reader.error('unclosed class');
  if (character !== '\\') return reader.codeOf(character);
  const letter = reader.peek();
  if (letter !== undefined && CLASS_LETTERS.includes(letter)) {
    reader.take();
    return undefined;
  }
  return reader.readEscape();
}
