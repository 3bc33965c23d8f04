import { Flagsmith } from 'flagsmith-nodejs';

const condition = (property_, operator, value) => ({ property_, operator, value });
const all = (...conditions) => ({ type: 'ALL', conditions, rules: [] });
const simple = [condition('country', 'IN', 'CA,US,MX'), condition('plan', 'EQUAL', 'pro')];
const ten = [
  ...simple,
  condition('age', 'GREATER_THAN_INCLUSIVE', '18'),
  condition('age', 'LESS_THAN', '65'),
  condition('email', 'REGEX', '.*@example\\.com$'),
  condition('staff', 'EQUAL', 'false'),
  condition('deviceOs', 'EQUAL', 'android'),
  condition('language', 'IN', 'en,fr'),
  condition('visits', 'GREATER_THAN', '3'),
  condition('id', 'NOT_CONTAINS', 'test-'),
];

export const name = 'Flagsmith';
// Its traits are flat.
export const contextOf = ({ targetingKey, device, ...user }) => ({
  identifier: targetingKey,
  traits: { ...user, deviceOs: device.os, id: targetingKey },
});

export function environmentOf(keys, rule) {
  const featureOf = (key, index) => ({ id: index + 1, name: key, type: 'STANDARD' });
  const state = (key, index, enabled) => ({
    enabled,
    feature: featureOf(key, index),
    feature_state_value: null,
    featurestate_uuid: `00000000-0000-4000-8000-${String(index * 2 + Number(enabled)).padStart(12, '0')}`,
    django_id: index + 1,
    multivariate_feature_state_values: [],
  });
  const states = (enabled, of) => keys.map((key, index) => ({ key, index })).filter(of).map(({ key, index }) => state(key, index, enabled));
  const segment = (id, rules, feature_states) => ({ id, name: `segment-${id}`, rules, feature_states });
  const isTen = ({ index }) => rule === 'ten' && index === 0;
  return JSON.stringify({
    id: 1,
    api_key: 'bench',
    name: 'bench',
    updated_at: '2026-01-01T00:00:00Z',
    feature_states: states(false, () => true),
    identity_overrides: [],
    project: {
      id: 1,
      name: 'bench',
      hide_disabled_flags: false,
      organisation: { id: 1, name: 'bench', feature_analytics: false, stop_serving_flags: false, persist_trait_data: false },
      segments: [
        segment(1, [all(...simple, condition('', 'PERCENTAGE_SPLIT', '30'))], states(true, (flag) => !isTen(flag))),
        segment(2, [all(...ten)], states(true, isTen)),
      ],
    },
  });
}

export async function start(text) {
  const client = new Flagsmith({
    environmentKey: 'ser.bench',
    apiUrl: 'http://127.0.0.1:1/',
    enableLocalEvaluation: true,
    enableAnalytics: false,
    environmentRefreshIntervalSeconds: 3600,
    // Its environment comes by HTTP; this answers in its place.
    fetch: () => Promise.resolve(new Response(text, { headers: { 'content-type': 'application/json' } })),
  });
  await client.getEnvironment();
  return {
    isAsync: true,
    evaluate: async (key, { identifier, traits }) => (await client.getIdentityFlags(identifier, traits)).isFeatureEnabled(key),
    // It evaluates all flags whenever it is asked for one.
    isWhole: true,
    close: () => client.close(),
  };
}
