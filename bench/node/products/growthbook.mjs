import { GrowthBookClient } from '@growthbook/growthbook';

const simple = { country: { $in: ['CA', 'US', 'MX'] }, plan: 'pro' };
const ten = {
  ...simple,
  age: { $gte: 18, $lt: 65 },
  email: { $regex: '@example\\.com$' },
  staff: false,
  'device.os': 'android',
  language: { $in: ['en', 'fr'] },
  visits: { $gt: 3 },
  targetingKey: { $not: { $regex: '^test-' } },
};

export const name = 'GrowthBook';
// The user context that it takes, made beforehand.
export const contextOf = (user) => ({ attributes: { ...user, id: user.targetingKey } });

export function environmentOf(keys, rule) {
  const flagOf = (key, audience) => ({
    defaultValue: false,
    rules: [
      audience === 'ten'
        ? { condition: ten, force: true }
        : { condition: simple, force: true, coverage: 0.3, hashAttribute: 'id', seed: key },
    ],
  });
  return JSON.stringify({ features: Object.fromEntries(keys.map((key, index) => [key, flagOf(key, index === 0 ? rule : 'rollout')])) });
}

export function start(text) {
  const client = new GrowthBookClient().initSync({ payload: JSON.parse(text) });
  return { evaluate: (key, context) => client.isOn(key, context), close: () => client.destroy() };
}
