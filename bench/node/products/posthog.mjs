import { PostHog } from 'posthog-node';

const property = (key, operator, value) => ({ key, type: 'person', operator, value });
const simple = [property('country', 'exact', ['CA', 'US', 'MX']), property('plan', 'exact', ['pro'])];
const ten = [
  ...simple,
  property('age', 'gte', 18),
  property('age', 'lt', 65),
  property('email', 'regex', '@example\\.com$'),
  property('staff', 'exact', ['false']),
  property('deviceOs', 'exact', ['android']),
  property('language', 'exact', ['en', 'fr']),
  property('visits', 'gt', 3),
  property('id', 'not_regex', '^test-'),
];

export const name = 'PostHog';
// Its properties are flat.
export const contextOf = ({ targetingKey, device, ...user }) => ({
  distinctId: targetingKey,
  options: {
    personProperties: { ...user, staff: String(user.staff), deviceOs: device.os, id: targetingKey },
    onlyEvaluateLocally: true,
    sendFeatureFlagEvents: false,
  },
});

export function environmentOf(keys, rule) {
  const flagOf = (key, audience, id) => ({
    id,
    key,
    name: key,
    active: true,
    deleted: false,
    is_simple_flag: false,
    rollout_percentage: null,
    ensure_experience_continuity: false,
    filters: {
      groups: [audience === 'ten' ? { properties: ten, rollout_percentage: 100 } : { properties: simple, rollout_percentage: 30 }],
      payloads: {},
    },
  });
  const flags = keys.map((key, index) => flagOf(key, index === 0 ? rule : 'rollout', index + 1));
  return JSON.stringify({ flags, group_type_mapping: {}, groupTypeMapping: {}, cohorts: {} });
}

export async function start(text) {
  const client = new PostHog('phc_bench', {
    host: 'http://127.0.0.1:1',
    enableLocalEvaluation: true,
    flagDefinitionCacheProvider: {
      getFlagDefinitions: () => JSON.parse(text),
      shouldFetchFlagDefinitions: () => false,
      onFlagDefinitionsReceived: () => undefined,
      shutdown: () => undefined,
    },
    fetch: () => Promise.reject(new Error('no network here')),
  });
  await client.waitForLocalEvaluationReady();
  return {
    isAsync: true,
    evaluate: (key, { distinctId, options }) => client.isFeatureEnabled(key, distinctId, options),
    close: () => client.shutdown(),
  };
}
