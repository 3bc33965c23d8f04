/** What a condition says besides its attribute, already read out of the document. */
import type { ScalarTest } from './scalar-test.ts';

interface OperatorSpec {
  readonly operator: string;
  readonly values: readonly unknown[];
  readonly ignoreCase: boolean;
}

/** Compiles a condition of one attribute type. Throws a DocumentError when the values do not parse. */
export type OperatorCompiler = (spec: OperatorSpec) => ScalarTest;
