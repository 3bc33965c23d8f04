/**
 * Tests one scalar of a context against a condition's values. It is given anything a context may hold and answers
 * false for what is not of its type: no coercion.
 */
export type ScalarTest = (value: unknown) => boolean;

/** What a condition says besides its attribute, already read out of the document. */
export interface OperatorSpec {
  readonly operator: string;
  readonly values: readonly unknown[];
  readonly ignoreCase: boolean;
}

/** Compiles a condition of one attribute type. Throws a DocumentError when the values do not parse. */
export type OperatorCompiler = (spec: OperatorSpec) => ScalarTest;
