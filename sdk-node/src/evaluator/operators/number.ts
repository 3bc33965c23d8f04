/** Operators on numbers and booleans. Numbers are IEEE doubles. */
import { DocumentError } from '../document.ts';
import type { OperatorCompiler } from './operator.ts';
import { ScalarTest } from './scalar-test.ts';

export const compileNumber: OperatorCompiler = ({ operator, values }) => {
  const numbers = values.map((value) => {
    if (typeof value !== 'number' || !Number.isFinite(value)) throw new DocumentError('values: not a number');
    return value;
  });
  switch (operator) {
    case 'eq':
    case 'in':
      return ScalarTest.numberIn(numbers);
    // "Any of several values" makes an upper bound as wide as the largest, a lower bound as wide as the smallest.
    case 'lt':
      return ScalarTest.numberLess(Math.max(...numbers));
    case 'lte':
      return ScalarTest.numberAtMost(Math.max(...numbers));
    case 'gt':
      return ScalarTest.numberGreater(Math.min(...numbers));
    case 'gte':
      return ScalarTest.numberAtLeast(Math.min(...numbers));
    default:
      throw new DocumentError('operator: unknown for type number');
  }
};

export const compileBoolean: OperatorCompiler = ({ operator, values }) => {
  if (operator !== 'eq') throw new DocumentError('operator: unknown for type boolean');
  const booleans = values.map((value) => {
    if (typeof value !== 'boolean') throw new DocumentError('values: not a boolean');
    return value;
  });
  return ScalarTest.booleanIn(booleans);
};
