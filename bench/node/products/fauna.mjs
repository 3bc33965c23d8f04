import { createClient } from '@fauna-flags/node';

const string = (attribute, operator, ...values) => ({ attribute, type: 'string', operator, values, negate: false, ignoreCase: false });
const number = (attribute, operator, value) => ({ ...string(attribute, operator, value), type: 'number' });

const simple = [string('country', 'in', 'CA', 'US', 'MX'), string('plan', 'eq', 'pro')];
const audiences = {
  rollout: { match: 'all', conditions: simple },
  ten: {
    match: 'all',
    conditions: [
      ...simple,
      number('age', 'gte', 18),
      number('age', 'lt', 65),
      string('email', 'ends_with', '@example.com'),
      { ...string('staff', 'eq', false), type: 'boolean' },
      string('device.os', 'eq', 'android'),
      string('language', 'in', 'en', 'fr'),
      number('visits', 'gt', 3),
      { ...string('targetingKey', 'starts_with', 'test-'), negate: true },
    ],
  },
};

// As the database compiles a flag that has one rule.
function flag(key, audience, index) {
  const serve = audience === 'ten' ? { variant: 'on' } : { split: [{ variant: 'on', weight: 30_000 }], by: 'targetingKey' };
  const id = `0b54a1c2-77d0-4c3e-9f5a-${String(index).padStart(12, '0')}`;
  return {
    kind: 'boolean',
    enabled: true,
    salt: key,
    offVariant: 'off',
    variants: { on: true, off: false },
    prerequisites: [],
    rules: [{ id, match: 'any', audiences: [{ key: audience, negate: false }], activeFrom: null, activeUntil: null, serve }],
    default: { variant: 'off' },
    clientVisible: false,
    tags: [],
  };
}

export const name = 'Fauna boolean()';
export const contextOf = (user) => user;

export function environmentOf(keys, rule) {
  const flags = Object.fromEntries(keys.map((key, index) => [key, flag(key, index === 0 ? rule : 'rollout', index)]));
  return JSON.stringify({ environment: 'bench', epoch: 'bench', revision: 1, flags, audiences });
}

// The stream, whose one event is that text: nothing else holds it afterwards.
async function* streamOf(chunks) {
  yield chunks.pop();
  await new Promise(() => undefined);
}

export async function start(text) {
  const headers = { get: (name) => (name === 'content-type' ? 'text/event-stream' : null) };
  const body = streamOf([new TextEncoder().encode(`event: put\ndata: ${text}\n\n`)]);
  const fetch = () => Promise.resolve({ status: 200, headers, body });
  const client = await createClient({ url: 'http://127.0.0.1:1', key: 'bench', runtime: { fetch } });
  return { client, evaluate: (key, user) => client.boolean(key, user, false), close: () => client.close() };
}
