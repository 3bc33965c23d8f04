/** The ruleset of the benchmark: three flags that are measured, and as many others as wanted. */

const string = (attribute, operator, ...values) => ({ attribute, type: 'string', operator, values });
const number = (attribute, operator, value) => ({ attribute, type: 'number', operator, values: [value] });

const AUDIENCES = {
  simple: {
    match: 'all',
    conditions: [string('country', 'in', 'CA', 'US', 'MX'), string('plan', 'eq', 'pro')],
  },
  ten: {
    match: 'all',
    conditions: [
      string('country', 'in', 'CA', 'US', 'MX'),
      string('plan', 'eq', 'pro'),
      number('age', 'gte', 18),
      number('age', 'lt', 65),
      string('email', 'ends_with', '@example.com'),
      { attribute: 'staff', type: 'boolean', operator: 'eq', values: [false] },
      string('device.os', 'eq', 'android'),
      string('language', 'in', 'en', 'fr'),
      number('visits', 'gt', 3),
      { ...string('targetingKey', 'starts_with', 'test-'), negate: true },
    ],
  },
};

function flag(key, rules, served = 'off') {
  return {
    kind: 'boolean',
    enabled: true,
    salt: key,
    offVariant: 'off',
    variants: { on: true, off: false },
    rules,
    default: { variant: served },
  };
}

const rule = (audience, serve) => ({
  id: `rule-${audience}`,
  match: 'any',
  audiences: [{ key: audience }],
  serve,
});
const thirtyPercent = { split: [{ variant: 'on', weight: 30_000 }], by: 'targetingKey' };

export function rulesetOf(flagCount) {
  const flags = {
    rollout: flag('rollout', [rule('simple', thirtyPercent)]),
    ten: flag('ten', [rule('ten', { variant: 'on' })]),
    static: flag('static', [], 'on'),
  };
  for (let index = 0; index < flagCount; index += 1) {
    flags[`flag-${index}`] = flag(`flag-${index}`, [rule('simple', thirtyPercent)]);
  }
  return { environment: 'bench', epoch: 'bench', revision: 1, flags, audiences: AUDIENCES };
}
