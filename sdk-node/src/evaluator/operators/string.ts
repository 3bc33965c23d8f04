/** Operators on text. Compared exactly, or after Unicode simple case folding of both sides. */
import { foldCase } from '../case-fold.ts';
import { DocumentError } from '../document.ts';
import { cidrTest } from './cidr.ts';
import type { OperatorCompiler, ScalarTest } from './operator.ts';
import { patternTest } from './pattern.ts';

type TextTest = (text: string) => boolean;

/** From how many values on a hash lookup beats comparing one after the other. */
const SET_FROM = 8;

export const compileString: OperatorCompiler = ({ operator, values, ignoreCase }) => {
  const texts = values.map((value) => {
    if (typeof value !== 'string') throw new DocumentError('values: not a string');
    return value;
  });
  switch (operator) {
    case 'eq':
    case 'in':
      return onText(ignoreCase, texts, isOneOf);
    case 'contains':
      return onText(ignoreCase, texts, (parts) => anyOf(parts, (text, part) => text.includes(part)));
    case 'starts_with':
      return onText(ignoreCase, texts, (parts) => anyOf(parts, (text, part) => text.startsWith(part)));
    case 'ends_with':
      return onText(ignoreCase, texts, (parts) => anyOf(parts, (text, part) => text.endsWith(part)));
    case 'matches':
      return onText(false, texts, (patterns) => patternTest(patterns, ignoreCase));
    case 'in_cidr':
      return onText(false, texts, cidrTest);
    default:
      throw new DocumentError(`operator: unknown for type string`);
  }
};

function onText(
  ignoreCase: boolean,
  texts: readonly string[],
  compile: (texts: readonly string[]) => TextTest,
): ScalarTest {
  if (!ignoreCase) {
    const test = compile(texts);
    return (value) => typeof value === 'string' && test(value);
  }
  const test = compile(texts.map(foldCase));
  return (value) => typeof value === 'string' && test(foldCase(value));
}

function isOneOf(texts: readonly string[]): TextTest {
  const [first] = texts;
  if (texts.length === 1 && first !== undefined) return (text) => text === first;
  if (texts.length < SET_FROM) return (text) => texts.includes(text);
  const set = new Set(texts);
  return (text) => set.has(text);
}

function anyOf(parts: readonly string[], test: (text: string, part: string) => boolean): TextTest {
  return (text) => {
    for (const part of parts) if (test(text, part)) return true;
    return false;
  };
}
