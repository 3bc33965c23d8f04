/** Conditions, compiled to closures: one attribute compared with values, or membership of another audience. */
import { attributeReader, present } from './context.ts';
import type { AttributeReader } from './context.ts';
import { DocumentError, each, optionalBoolean, readObject, requiredString } from './document.ts';
import { compileDate } from './operators/date.ts';
import { compileBoolean, compileNumber } from './operators/number.ts';
import type { OperatorCompiler, ScalarTest } from './operators/operator.ts';
import { compileString } from './operators/string.ts';
import { compileVersion } from './operators/version.ts';
import { audienceTest, combine, negated, NO, YES } from './outcome.ts';
import type { AudienceTest } from './outcome.ts';

const OPERATORS_OF_TYPE: ReadonlyMap<string, OperatorCompiler> = new Map([
  ['string', compileString],
  ['number', compileNumber],
  ['boolean', compileBoolean],
  ['date', compileDate],
  ['version', compileVersion],
]);

/** A compiled condition and the audiences it asks for. */
export interface CompiledCondition {
  readonly test: AudienceTest;
  readonly audiences: readonly string[];
}

export function compileCondition(document: unknown): CompiledCondition {
  const condition = readObject(document, 'condition');
  const operator = requiredString(condition, 'operator');
  const negate = optionalBoolean(condition, 'negate') ?? false;
  const ignoreCase = optionalBoolean(condition, 'ignoreCase') ?? false;
  const values = each(condition, 'values', (value) => value);
  if (operator === 'in_audience') return nested(values, negate);

  const read = attributeReader(requiredString(condition, 'attribute'));
  const type = requiredString(condition, 'type');
  const compile = OPERATORS_OF_TYPE.get(type);
  if (compile === undefined) throw new DocumentError('type: unknown');
  if (operator === 'exists') return exists(read, values, negate);

  if (values.length === 0 && operator !== 'in') throw new DocumentError('values: at least one is needed');
  return compare(read, compile({ operator, values, ignoreCase }), negate);
}

function exists(read: AttributeReader, values: readonly unknown[], negate: boolean): CompiledCondition {
  if (values.length > 0) throw new DocumentError('values: exists takes none');
  return { test: (_source, context) => ((read(context) === undefined) === negate ? YES : NO), audiences: [] };
}

/** A missing attribute matches nothing, negated or not; an array matches if any element does. */
function compare(read: AttributeReader, test: ScalarTest, negate: boolean): CompiledCondition {
  return {
    test: (_source, context) => {
      const value = read(context);
      if (value === undefined) return NO;
      const matched =
        typeof value === 'object' && Array.isArray(value) ? anyElement(value, test) : test(value);
      return matched === negate ? NO : YES;
    },
    audiences: [],
  };
}

function anyElement(values: readonly unknown[], test: ScalarTest): boolean {
  for (const value of values) if (test(present(value))) return true;
  return false;
}

/** Membership of any of several audiences. */
function nested(values: readonly unknown[], negate: boolean): CompiledCondition {
  const audiences = values.map((value) => {
    if (typeof value !== 'string') throw new DocumentError('values: not an audience key');
    return value;
  });
  return { test: negated(combine('any', audiences.map(audienceTest)), negate), audiences };
}
