import { init, integrations } from '@launchdarkly/node-server-sdk';

const clause = (attribute, op, ...values) => ({ contextKind: 'user', attribute, op, values, negate: false });
const simple = [clause('country', 'in', 'CA', 'US', 'MX'), clause('plan', 'in', 'pro')];
const segmentOf = (key, clauses) => ({ key, version: 1, included: [], excluded: [], salt: key, rules: [{ id: key, clauses }] });
const segments = [
  segmentOf('rollout', simple),
  segmentOf('ten', [
    ...simple,
    clause('age', 'greaterThanOrEqual', 18),
    clause('age', 'lessThan', 65),
    clause('email', 'endsWith', '@example.com'),
    clause('staff', 'in', false),
    clause('/device/os', 'in', 'android'),
    clause('language', 'in', 'en', 'fr'),
    clause('visits', 'greaterThan', 3),
    { ...clause('key', 'startsWith', 'test-'), negate: true },
  ]),
];

export const name = 'LaunchDarkly';
export const contextOf = ({ targetingKey, ...user }) => ({ kind: 'user', key: targetingKey, ...user });

export function environmentOf(keys, rule) {
  const rollout = { contextKind: 'user', variations: [{ variation: 0, weight: 30_000 }, { variation: 1, weight: 70_000 }] };
  const flagOf = (key, audience) => ({
    key,
    version: 1,
    on: true,
    salt: key,
    offVariation: 1,
    variations: [true, false],
    fallthrough: { variation: 1 },
    prerequisites: [],
    targets: [],
    rules: [
      {
        id: 'rule',
        clauses: [{ attribute: '', op: 'segmentMatch', values: [audience], negate: false }],
        ...(audience === 'ten' ? { variation: 0 } : { rollout }),
      },
    ],
  });
  return JSON.stringify({ flags: keys.map((key, index) => flagOf(key, index === 0 ? rule : 'rollout')), segments });
}

const SILENT = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

export async function start(text) {
  const { flags, segments } = JSON.parse(text);
  const data = new integrations.TestData();
  for (const segment of segments) data.usePreconfiguredSegment(segment);
  for (const flag of flags) data.usePreconfiguredFlag(flag);
  const client = init('sdk-bench', { updateProcessor: data.getFactory(), sendEvents: false, diagnosticOptOut: true, logger: SILENT });
  await client.waitForInitialization({ timeout: 10 });
  return { isAsync: true, evaluate: (key, context) => client.boolVariation(key, context, false), close: () => client.close() };
}
