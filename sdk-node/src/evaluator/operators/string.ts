/** Operators on text. Compared exactly, or after Unicode simple case folding of both sides. */
import { foldCase } from '../case-fold.ts';
import { DocumentError } from '../document.ts';
import { cidrTest } from './cidr.ts';
import type { OperatorCompiler } from './operator.ts';
import { patternTest } from './pattern.ts';
import { ScalarTest } from './scalar-test.ts';

export const compileString: OperatorCompiler = ({ operator, values, ignoreCase }) => {
  const texts = values.map((value) => {
    if (typeof value !== 'string') throw new DocumentError('values: not a string');
    return value;
  });
  if (operator === 'matches') return ScalarTest.textThat(patternTest(texts, ignoreCase));
  if (operator === 'in_cidr') return ScalarTest.textThat(cidrTest(texts));
  if (!ignoreCase) return compare(operator, texts);
  const folded = compare(operator, texts.map(foldCase));
  return ScalarTest.textThat((text) => folded.matches(foldCase(text)));
};

function compare(operator: string, texts: readonly string[]): ScalarTest {
  switch (operator) {
    case 'eq':
    case 'in':
      return ScalarTest.textIn(texts);
    case 'contains':
      return ScalarTest.textContains(texts);
    case 'starts_with':
      return ScalarTest.textStarts(texts);
    case 'ends_with':
      return ScalarTest.textEnds(texts);
    default:
      throw new DocumentError(`operator: unknown for type string`);
  }
}
