/** Runs every file of `conformance/`; its README says what the files mean. */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { bucket } from '../../src/evaluator/bucket.ts';
import { Condition } from '../../src/evaluator/condition.ts';
import { isContext } from '../../src/evaluator/context.ts';
import { parseInstant } from '../../src/evaluator/instant.ts';
import { BROKEN, YES } from '../../src/evaluator/outcome.ts';
import { readPayload } from '../../src/evaluator/payload.ts';
import { Ruleset } from '../../src/evaluator/ruleset.ts';
import { RulesetStore } from '../../src/source/ruleset-store.ts';

const FOLDER = new URL('../../../conformance/', import.meta.url);

interface EvaluationCase {
  readonly name?: string;
  readonly flag?: string;
  readonly audience?: string;
  readonly context: unknown;
  readonly now?: string;
  readonly expect: boolean | Record<string, unknown>;
}

interface EvaluationFile {
  readonly name: string;
  readonly ruleset: { readonly flags?: unknown; readonly audiences?: unknown };
  readonly cases: readonly EvaluationCase[];
}

const files = readdirSync(FOLDER).filter((name) => name.endsWith('.json'));

function read(name: string): unknown {
  return JSON.parse(readFileSync(new URL(name, FOLDER), 'utf8'));
}

/** The rows of a file with a form of its own. */
function rowsOf(content: unknown): unknown {
  return (content as { readonly rows: unknown }).rows;
}

test('there are vectors to conform to', () => {
  expect(files.length).toBeGreaterThan(0);
});

describe.each(files)('%s', (name) => {
  const content = read(name);
  if (name === 'buckets.json') buckets(rowsOf(content) as BucketRow[]);
  else if (name === 'check-condition.json') checks(rowsOf(content) as CheckRow[]);
  else if (name === 'put-patch.json') payloads(rowsOf(content) as PayloadRow[]);
  else evaluations(content as EvaluationFile);
});

function evaluations({ ruleset: { flags = {}, audiences = {} }, cases }: EvaluationFile): void {
  const put = { environment: 'test', epoch: 'e', revision: 1, flags, audiences };
  const { ruleset } = Ruleset.after(undefined, readPayload(put));
  test.each(cases.map((row, index) => [row.name ?? `case ${index}`, row] as const))('%s', (_name, row) => {
    if (row.audience !== undefined) {
      expect(membership(ruleset, row.audience, row.context)).toBe(row.expect);
      return;
    }
    const now = parseInstant(row.now ?? '2026-01-01T00:00:00Z');
    expect(now).toBeDefined();
    const { errorMessage, ...evaluation } = ruleset.evaluate(row.flag ?? '', row.context, () => now ?? 0n);
    expect(present(evaluation)).toEqual(row.expect);
    expect(errorMessage === undefined).toBe(evaluation.errorCode === undefined);
  });
}

function membership(ruleset: Ruleset, key: string, context: unknown): boolean | undefined {
  expect(isContext(context)).toBe(true);
  ruleset.visits = 0;
  const outcome = ruleset.audience(key)?.test(ruleset, context as object, 1);
  return outcome === undefined || outcome >= BROKEN ? undefined : outcome === YES;
}

function present(evaluation: object): object {
  return Object.fromEntries(Object.entries(evaluation).filter(([, value]) => value !== undefined));
}

interface BucketRow {
  readonly salt: string;
  readonly value: string;
  readonly bucket: number;
}

function buckets(rows: readonly BucketRow[]): void {
  test.each(rows)('$value under the salt $salt falls into bucket $bucket', (row) => {
    expect(bucket(row.salt, row.value)).toBe(row.bucket);
  });
}

interface CheckRow {
  readonly type: string | null;
  readonly operator: string;
  readonly values: unknown;
  readonly ignoreCase?: boolean;
  readonly ok: boolean;
}

function checks(rows: readonly CheckRow[]): void {
  test.each(rows.map((row) => [JSON.stringify(row), row] as const))('%s', (_name, row) => {
    const { type, operator, values, ignoreCase = false, ok } = row;
    const attribute = type === null ? {} : { attribute: 'a', type };
    const compile = (): unknown => {
      // The database alone sees that an operator has an attribute it takes none of.
      if (type !== null && operator === 'in_audience') throw new Error('takes no attribute');
      const condition = new Condition({ ...attribute, operator, values, ignoreCase });
      // A pattern is compiled at its first use.
      return type === null ? undefined : condition.test(Ruleset.prototype, { a: '' }, 1);
    };
    if (ok) expect(compile).not.toThrow();
    else expect(compile).toThrow();
  });
}

interface PayloadOfRow {
  readonly audiences?: object | null;
  readonly refused?: boolean;
}

interface PayloadRow {
  readonly name: string;
  readonly put: PayloadOfRow;
  readonly patches: readonly PayloadOfRow[];
  readonly flags: readonly string[];
  readonly audiences: readonly string[];
  readonly revision: number;
}

function payloads(rows: readonly PayloadRow[]): void {
  test.each(rows)('$name', ({ put, patches, flags, audiences, revision }) => {
    const store = new RulesetStore();
    store.apply(readPayload(put), false);
    for (const patch of patches) {
      const result = attempt(() => store.apply(readPayload(patch), true).result);
      expect(result === 'applied').toBe(patch.refused !== true);
    }
    expect([...(store.ruleset?.flagKeys ?? [])].sort()).toEqual([...flags].sort());
    const named = [put, ...patches].flatMap((payload) => Object.keys(payload.audiences ?? {}));
    const present = [...new Set(named)].filter((key) => store.ruleset?.audience(key) !== undefined);
    expect(present.sort()).toEqual([...audiences].sort());
    expect(store.ruleset?.position.revision).toBe(revision);
  });
}

function attempt<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch {
    return undefined;
  }
}
