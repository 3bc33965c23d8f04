/** Operators on numbers and booleans. Numbers are IEEE doubles. */
import { DocumentError } from '../document.ts';
import type { OperatorCompiler } from './operator.ts';

export const compileNumber: OperatorCompiler = ({ operator, values }) => {
  const numbers = values.map((value) => {
    if (typeof value !== 'number' || !Number.isFinite(value)) throw new DocumentError('values: not a number');
    return value;
  });
  switch (operator) {
    case 'eq':
    case 'in':
      return numbers.length === 1
        ? (value) => value === numbers[0]
        : (value) => typeof value === 'number' && numbers.includes(value);
    // "Any of several values" makes an upper bound as wide as the largest, a lower bound as wide as the smallest.
    case 'lt':
      return bounded(Math.max(...numbers), (value, bound) => value < bound);
    case 'lte':
      return bounded(Math.max(...numbers), (value, bound) => value <= bound);
    case 'gt':
      return bounded(Math.min(...numbers), (value, bound) => value > bound);
    case 'gte':
      return bounded(Math.min(...numbers), (value, bound) => value >= bound);
    default:
      throw new DocumentError('operator: unknown for type number');
  }
};

function bounded(
  bound: number,
  holds: (value: number, bound: number) => boolean,
): (value: unknown) => boolean {
  return (value) => typeof value === 'number' && holds(value, bound);
}

export const compileBoolean: OperatorCompiler = ({ operator, values }) => {
  if (operator !== 'eq') throw new DocumentError('operator: unknown for type boolean');
  const booleans = values.map((value) => {
    if (typeof value !== 'boolean') throw new DocumentError('values: not a boolean');
    return value;
  });
  return (value) => typeof value === 'boolean' && booleans.includes(value);
};
