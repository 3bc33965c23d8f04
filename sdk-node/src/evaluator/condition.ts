/** Conditions: one attribute compared with values, or membership of other audiences. */
import { attributeOf } from './attribute.ts';
import type { Attribute } from './attribute.ts';
import { AudienceReference, testReferences } from './audience-reference.ts';
import { present } from './context.ts';
import { DocumentError, each, optionalBoolean, readObject, requiredString } from './document.ts';
import type { Members } from './document.ts';
import { compileDate } from './operators/date.ts';
import { compileBoolean, compileNumber } from './operators/number.ts';
import type { OperatorCompiler } from './operators/operator.ts';
import type { ScalarTest } from './operators/scalar-test.ts';
import { compileString } from './operators/string.ts';
import { compileVersion } from './operators/version.ts';
import { negated, NO, YES } from './outcome.ts';
import type { Outcome } from './outcome.ts';
import type { Source } from './source.ts';

const OPERATORS_OF_TYPE: ReadonlyMap<string, OperatorCompiler> = new Map([
  ['string', compileString],
  ['number', compileNumber],
  ['boolean', compileBoolean],
  ['date', compileDate],
  ['version', compileVersion],
]);

const NO_REFERENCES: readonly AudienceReference[] = [];

/** A compiled condition. */
export class Condition {
  private readonly negate: boolean;
  /** Undefined for membership of audiences. */
  private readonly attribute: Attribute | undefined;
  /** Undefined for `exists`, and for membership. */
  private readonly scalar: ScalarTest | undefined;
  private readonly audiences: readonly AudienceReference[];

  /** Throws a DocumentError for what is no condition. */
  constructor(document: unknown) {
    const condition = readObject(document, 'condition');
    const operator = requiredString(condition, 'operator');
    this.negate = optionalBoolean(condition, 'negate') ?? false;
    const ignoreCase = optionalBoolean(condition, 'ignoreCase') ?? false;
    const values = each(condition, 'values', (value) => value);
    const isMembership = operator === 'in_audience';
    this.attribute = isMembership ? undefined : attributeOf(requiredString(condition, 'attribute'));
    this.scalar = isMembership ? undefined : compileScalar(condition, { operator, values, ignoreCase });
    this.audiences = isMembership ? values.map(readReference) : NO_REFERENCES;
  }

  /** A missing attribute matches nothing, negated or not; an array matches if any element does. */
  test(source: Source, context: object, depth: number): Outcome {
    const attribute = this.attribute;
    if (attribute === undefined) {
      return negated(testReferences(this.audiences, 'any', source, context, depth), this.negate);
    }
    const value = attribute.read(context, source.isPlain);
    const { scalar } = this;
    if (scalar === undefined) return (value === undefined) === this.negate ? YES : NO;
    if (value === undefined) return NO;
    const matched = typeof value === 'object' ? anyElement(value, scalar) : scalar.matches(value);
    return matched === this.negate ? NO : YES;
  }
}

/** What the attribute is compared with; undefined for `exists`. */
function compileScalar(condition: Members, spec: Parameters<OperatorCompiler>[0]): ScalarTest | undefined {
  const compile = OPERATORS_OF_TYPE.get(requiredString(condition, 'type'));
  if (compile === undefined) throw new DocumentError('type: unknown');
  const { operator, values } = spec;
  if (operator === 'exists') {
    if (values.length > 0) throw new DocumentError('values: exists takes none');
    return undefined;
  }
  if (values.length === 0 && operator !== 'in') throw new DocumentError('values: at least one is needed');
  return compile(spec);
}

function anyElement(value: object | null, scalar: ScalarTest): boolean {
  return Array.isArray(value) && value.some((element) => scalar.matches(present(element)));
}

function readReference(value: unknown): AudienceReference {
  if (typeof value !== 'string') throw new DocumentError('values: not an audience key');
  return new AudienceReference(value, false);
}
