/** Operators on dates: instants written in RFC 3339. */
import { DocumentError } from '../document.ts';
import { parseInstant } from '../instant.ts';
import type { Instant } from '../instant.ts';
import type { OperatorCompiler } from './operator.ts';
import { ScalarTest } from './scalar-test.ts';

export const compileDate: OperatorCompiler = ({ operator, values }) => {
  const instants = values.map((value) => {
    const instant = typeof value === 'string' ? parseInstant(value) : undefined;
    if (instant === undefined) throw new DocumentError('values: not an RFC 3339 timestamp with an offset');
    return instant;
  });
  switch (operator) {
    case 'lt':
      return onDate(instants, (value, bound) => value < bound);
    case 'lte':
      return onDate(instants, (value, bound) => value <= bound);
    case 'gt':
      return onDate(instants, (value, bound) => value > bound);
    case 'gte':
      return onDate(instants, (value, bound) => value >= bound);
    default:
      throw new DocumentError('operator: unknown for type date');
  }
};

function onDate(bounds: readonly Instant[], holds: (value: Instant, bound: Instant) => boolean): ScalarTest {
  return ScalarTest.textThat((text) => {
    const instant = parseInstant(text);
    return instant !== undefined && bounds.some((bound) => holds(instant, bound));
  });
}
