import { FlagdCore } from '@openfeature/flagd-core';

const variable = (name) => ({ var: [name] });
const simple = [{ in: [variable('country'), ['CA', 'US', 'MX']] }, { '==': [variable('plan'), 'pro'] }];
const $evaluators = {
  rollout: { and: simple },
  ten: {
    and: [
      ...simple,
      { '>=': [variable('age'), 18] },
      { '<': [variable('age'), 65] },
      { ends_with: [variable('email'), '@example.com'] },
      { '===': [variable('staff'), false] },
      { '==': [variable('device.os'), 'android'] },
      { in: [variable('language'), ['en', 'fr']] },
      { '>': [variable('visits'), 3] },
      { '!': { starts_with: [variable('targetingKey'), 'test-'] } },
    ],
  },
};

const thirtyPercent = { fractional: [['on', 30], ['off', 70]] };

export const name = 'flagd-core';
export const contextOf = (user) => user;

export function environmentOf(keys, rule) {
  const flagOf = (audience) => ({
    state: 'ENABLED',
    variants: { on: true, off: false },
    defaultVariant: 'off',
    targeting: { if: [{ $ref: audience }, audience === 'ten' ? 'on' : thirtyPercent, 'off'] },
  });
  const flags = Object.fromEntries(keys.map((key, index) => [key, flagOf(index === 0 ? rule : 'rollout')]));
  return JSON.stringify({ flags, $evaluators });
}

export function start(text) {
  const core = new FlagdCore();
  core.setConfigurations(text);
  return { evaluate: (key, user) => core.resolveBooleanEvaluation(key, false, user).value };
}
