/**
 * Unicode simple case folding: one character becomes one character, without locale. The table is generated from the
 * one that Rust uses, so that `ignoreCase` means the same everywhere; `toLowerCase` would not (`İ` becomes two
 * characters, `ſ` and the Kelvin sign stay what they are).
 */
import { CASE_FOLD_RANGES } from './case-fold.generated.ts';

const ASCII = /^[\0-\x7f]*$/;

let table: ReadonlyMap<number, string> | undefined;

/** The text with every character that has a case replaced by the one that stands for all its cases. */
export function foldCase(text: string): string {
  if (ASCII.test(text)) return text.toLowerCase();
  table ??= expand(CASE_FOLD_RANGES);
  let folded = '';
  for (const character of text) folded += table.get(character.codePointAt(0) ?? 0) ?? character;
  return folded;
}

/** The ranges (first, last, step, delta) as a map of the characters that change: about 1 500. */
function expand(ranges: readonly number[]): ReadonlyMap<number, string> {
  const folds = new Map<number, string>();
  for (let index = 0; index < ranges.length; index += 4) {
    const [first = 0, last = 0, step = 1, delta = 0] = ranges.slice(index, index + 4);
    for (let code = first; code <= last; code += step) folds.set(code, String.fromCodePoint(code + delta));
  }
  return folds;
}
