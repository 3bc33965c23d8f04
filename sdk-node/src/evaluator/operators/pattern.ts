/** `matches`: whether a pattern is found anywhere in a text, in linear time. */
import { RE2JS } from 're2js';
import { DocumentError } from '../document.ts';
import { checkPattern } from '../pattern/pattern-grammar.ts';

/** A test for any of several patterns. They are checked now and compiled when first used: most never are. */
export function patternTest(patterns: readonly string[], ignoreCase: boolean): (text: string) => boolean {
  patterns.forEach(checkPattern);
  let compiled: readonly RE2JS[] | undefined;
  return (text) => {
    compiled ??= patterns.map((pattern) => compile(pattern, ignoreCase));
    for (const pattern of compiled) if (pattern.test(text)) return true;
    return false;
  };
}

function compile(pattern: string, ignoreCase: boolean): RE2JS {
  try {
    return RE2JS.compile(pattern, ignoreCase ? RE2JS.CASE_INSENSITIVE : 0);
  } catch {
    throw new DocumentError('values: a pattern of the grammar that the engine refuses');
  }
}
