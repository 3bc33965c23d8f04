import { createInstance } from '@featurevisor/sdk';

const condition = (attribute, operator, value) => ({ attribute, operator, value });
const simple = [condition('country', 'in', ['CA', 'US', 'MX']), condition('plan', 'equals', 'pro')];
const segments = {
  rollout: { key: 'rollout', conditions: simple },
  ten: {
    key: 'ten',
    conditions: [
      ...simple,
      condition('age', 'greaterThanOrEquals', 18),
      condition('age', 'lessThan', 65),
      condition('email', 'endsWith', '@example.com'),
      condition('staff', 'equals', false),
      condition('device.os', 'equals', 'android'),
      condition('language', 'in', ['en', 'fr']),
      condition('visits', 'greaterThan', 3),
      { not: [condition('userId', 'startsWith', 'test-')] },
    ],
  },
};

export const name = 'Featurevisor';
export const contextOf = ({ targetingKey, ...user }) => ({ userId: targetingKey, ...user });

export function environmentOf(keys, rule) {
  const flagOf = (key, audience) => ({
    key,
    hash: key,
    bucketBy: 'userId',
    variations: [],
    traffic: [{ key: '1', segments: audience, percentage: audience === 'ten' ? 100_000 : 30_000, allocation: [] }],
  });
  const features = Object.fromEntries(keys.map((key, index) => [key, flagOf(key, index === 0 ? rule : 'rollout')]));
  return JSON.stringify({ schemaVersion: '2', revision: '1', segments, features });
}

export function start(text) {
  const client = createInstance({ datafile: JSON.parse(text), logLevel: 'fatal' });
  return { evaluate: (key, context) => client.isEnabled(key, context), close: () => client.close() };
}
