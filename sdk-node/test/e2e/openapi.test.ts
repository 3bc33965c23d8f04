/** What the bridge says of itself in OpenAPI, against what it does. */
import { request } from 'node:http';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Bridge } from './support/bridge.ts';
import { Cluster } from './support/cluster.ts';
import { Scene } from './support/scene.ts';
import { until } from './support/until.ts';

interface Content {
  readonly content?: Record<string, { readonly schema: object }>;
  readonly $ref?: string;
}

interface Description {
  readonly paths: Record<string, Record<string, { readonly responses: Record<string, Content> }>>;
  readonly components: { readonly responses: Record<string, Content> };
}

/** What is sent; `key` is which one, in the header that `header` names. */
interface Question {
  readonly status: number;
  readonly key?: 'server' | 'client' | 'unknown';
  readonly path?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

const CONTEXT = JSON.stringify({ context: { targetingKey: 'u' } });
const LARGE = JSON.stringify({ context: { a: 'x'.repeat(20_000) } });
const CONTEXT_IN_URL = '?context=e30';

/** For each operation, what brings about each of its answers. */
const QUESTIONS: Record<string, readonly Question[]> = {
  'get /v1/stream': [
    { status: 200, key: 'server' },
    { status: 400, key: 'server', path: '/v1/stream?since=x' },
    { status: 401 },
    { status: 403, key: 'client' },
  ],
  'get /v1/ruleset': [
    { status: 200, key: 'server' },
    { status: 304, key: 'server', headers: { 'if-none-match': '*' } },
    { status: 401, key: 'unknown' },
    { status: 403, key: 'client' },
  ],
  'get /v1/client/stream': [
    { status: 200, key: 'client', path: `/v1/client/stream${CONTEXT_IN_URL}` },
    { status: 400, key: 'client' },
    { status: 401, path: `/v1/client/stream${CONTEXT_IN_URL}` },
    { status: 403, path: `/v1/client/stream${CONTEXT_IN_URL}&key=SERVER` },
  ],
  'post /v1/client/stream': [
    { status: 200, key: 'server', body: CONTEXT },
    { status: 400, key: 'client', body: 'x' },
    { status: 401, body: CONTEXT },
    { status: 403, path: '/v1/client/stream?key=SERVER', body: CONTEXT },
    { status: 413, key: 'client', body: LARGE },
  ],
  'post /v1/usage': [
    { status: 204, key: 'client', body: '{"counts":[{"flag":"checkout","variant":"on","evaluations":1}]}' },
    { status: 400, key: 'client', body: '{}' },
    { status: 401, body: '{}' },
    { status: 403, path: '/v1/usage?key=SERVER', body: '{}' },
    { status: 413, key: 'client', body: 'x'.repeat(1_100_000) },
  ],
  'post /ofrep/v1/evaluate/flags': [
    { status: 200, key: 'client', body: CONTEXT },
    { status: 200, key: 'server', body: CONTEXT },
    { status: 304, key: 'client', headers: { 'if-none-match': '*' }, body: CONTEXT },
    { status: 400, key: 'client', body: '{}' },
    { status: 401, body: CONTEXT },
    { status: 413, key: 'client', body: LARGE },
  ],
  'post /ofrep/v1/evaluate/flags/{key}': [
    { status: 200, key: 'client', path: '/ofrep/v1/evaluate/flags/checkout', body: CONTEXT },
    { status: 200, key: 'server', path: '/ofrep/v1/evaluate/flags/theme', body: CONTEXT },
    { status: 400, key: 'client', path: '/ofrep/v1/evaluate/flags/checkout', body: 'x' },
    { status: 401, path: '/ofrep/v1/evaluate/flags/checkout', body: CONTEXT },
    { status: 404, key: 'client', path: '/ofrep/v1/evaluate/flags/hidden', body: CONTEXT },
    { status: 413, key: 'client', path: '/ofrep/v1/evaluate/flags/checkout', body: LARGE },
  ],
  'get /ofrep/v1/events': [{ status: 200, path: 'TICKET' }, { status: 401 }],
  'get /openfeature/v0/manifest': [
    { status: 200, key: 'client' },
    { status: 200, key: 'server' },
    { status: 401 },
  ],
  'get /openapi.json': [{ status: 200 }],
  'get /healthz': [{ status: 200 }],
  'get /readyz': [{ status: 200 }],
  'get /metrics': [{ status: 200 }],
};

/** Answers that take another bridge or other options, each with a test below. 500 is a defect, which nobody can ask for. */
const ELSEWHERE = ['408', '429', '500', '503'];

/** The head of a request ends at 8 KiB, so a URL cannot have a context that is too large with the options of these tests. */
const UNREACHABLE = ['get /v1/client/stream 413'];

let cluster: Cluster;
let scene: Scene;
let lost: Bridge;
let strict: Bridge;
let description: Description;
let ajv: Ajv2020;
const keys = { server: '', client: '', unknown: `fauna_sk_${'0'.repeat(64)}` };

beforeAll(async () => {
  cluster = await Cluster.start();
  scene = await Scene.set(
    cluster,
    `SELECT fauna.create_flag('checkout', client_visible => true);
     SELECT fauna.create_flag('theme', 'string', '{"light": "#fff", "dark": "#000"}', client_visible => true);
     SELECT fauna.create_flag('ratio', 'number', '{"low": 0.5, "high": 1}', client_visible => true);
     SELECT fauna.create_flag('limit', 'number', '{"low": 10, "high": 20}', client_visible => true);
     SELECT fauna.create_flag('layout', 'json', '{"wide": {"columns": 3}}', client_visible => true);
     SELECT fauna.create_flag('hidden');
     UPDATE fauna.flag_settings SET enabled = true;`,
  );
  keys.server = scene.key;
  keys.client = await scene.sql(`SELECT fauna.create_sdk_key('production', 'client')`);
  await until(
    'the bridge knows the new key',
    async () => (await ask('get', '/openfeature/v0/manifest', { status: 200, key: 'client' })).ok,
  );
  lost = await Bridge.start('host=/nowhere user=nobody');
  const limits = { 'request-timeout-ms': 300, 'max-requests-per-second': 1, 'max-streams-per-key': 1 };
  strict = await Bridge.start(
    scene.conninfo,
    Object.entries(limits).flatMap(([option, limit]) => [`--${option}`, String(limit)]),
  );
  await until('the other bridge is ready', async () => (await fetch(`${strict.url}/readyz`)).ok);
  description = (await (await fetch(`${scene.bridge.url}/openapi.json`)).json()) as Description;
  ajv = new Ajv2020({ strict: false, validateFormats: false });
  ajv.addSchema(description, 'bridge');
});

afterAll(async () => {
  await lost.end('SIGKILL');
  await strict.end('SIGKILL');
  await scene.end();
  await cluster.stop();
});

async function ask(
  method: string,
  path: string,
  question: Question,
  url = scene.bridge.url,
): Promise<Response> {
  const { key, headers = {}, body } = question;
  let target = (question.path ?? path).replace('SERVER', keys.server);
  if (target === 'TICKET') {
    const all = await ask('post', '/ofrep/v1/evaluate/flags', { status: 200, key: 'client', body: CONTEXT });
    const { eventStreams } = (await all.json()) as { eventStreams: [{ endpoint: { requestUri: string } }] };
    target = eventStreams[0].endpoint.requestUri;
  }
  return fetch(url + target, {
    method: method.toUpperCase(),
    headers: { ...(key === undefined ? {} : { authorization: `Bearer ${keys[key]}` }), ...headers },
    ...(body === undefined ? {} : { body }),
  });
}

/** Sends a body that stops before its end. */
async function trickle(url: string, { key, body = '' }: Question): Promise<Response> {
  const headers = {
    authorization: `Bearer ${key === undefined ? '' : keys[key]}`,
    'content-length': Buffer.byteLength(body) + 1,
  };
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: 'POST', headers }, (answer) => {
      answer
        .setEncoding('utf8')
        .toArray()
        .then((chunks: string[]) => {
          const type = answer.headers['content-type'] ?? '';
          resolve(
            new Response(chunks.join(''), {
              status: answer.statusCode ?? 0,
              headers: { 'content-type': type },
            }),
          );
          sent.destroy();
        }, reject);
    });
    sent.once('error', reject);
    sent.write(body);
  });
}

/** The operations that describe an answer, with a question for each that is answered well if nothing is in the way. */
function describing(
  status: string,
): { operation: string; method: string; path: string; question: Question }[] {
  return Object.entries(QUESTIONS).flatMap(([operation, questions]) => {
    const [method = '', path = ''] = operation.split(' ');
    const question = questions.find((one) => one.status < 300);
    const isDescribed = status in (description.paths[path]?.[method]?.responses ?? {});
    return question !== undefined && isDescribed ? [{ operation, method, path, question }] : [];
  });
}

function resolved(response: Content): { readonly content: Content; readonly pointer: string } | undefined {
  if (response.$ref === undefined) return undefined;
  const name = response.$ref.split('/').at(-1) ?? '';
  return { content: description.components.responses[name] ?? {}, pointer: response.$ref.slice(1) };
}

/** Fails unless the answer is one that the description has, with such a body. */
async function check(operation: string, response: Response): Promise<void> {
  const [method = '', path = ''] = operation.split(' ');
  const described = description.paths[path]?.[method]?.responses[response.status];
  expect(described, `${operation} ${response.status}`).toBeDefined();
  const own = `/paths/${path.replaceAll('/', '~1')}/${method}/responses/${response.status}`;
  const { content, pointer } = resolved(described ?? {}) ?? { content: described ?? {}, pointer: own };
  const types = Object.keys(content.content ?? {});
  const type = response.headers.get('content-type')?.split(';')[0] ?? '';
  if (types.length === 0) {
    expect(await response.text(), operation).toBe('');
    return;
  }
  expect(types, operation).toContain(type);
  if (type === 'text/event-stream') {
    await response.body?.cancel();
    return;
  }
  const text = await response.text();
  const body: unknown = type.endsWith('json') ? JSON.parse(text) : text;
  const escaped = type.replaceAll('/', '~1');
  // A reference is part of a URI, where braces and the plus sign are not themselves.
  const fragment = encodeURI(`${pointer}/content/${escaped}/schema`);
  const validate = ajv.compile({ $ref: `bridge#${fragment}` });
  expect(validate(body), `${operation}: ${ajv.errorsText(validate.errors)} in ${text.slice(0, 500)}`).toBe(
    true,
  );
}

test('every described answer is given, and is as described', async () => {
  const given = new Set<string>();
  for (const [operation, questions] of Object.entries(QUESTIONS)) {
    const [method = '', path = ''] = operation.split(' ');
    for (const question of questions) {
      const response = await ask(method, path, question);
      expect(response.status, `${operation} ${JSON.stringify(question).slice(0, 200)}`).toBe(question.status);
      await check(operation, response);
      given.add(`${operation} ${question.status}`);
    }
  }
  const described = Object.entries(description.paths).flatMap(([path, item]) =>
    Object.entries(item).flatMap(([method, { responses }]) =>
      Object.keys(responses).map((status) => `${method} ${path} ${status}`),
    ),
  );
  const missing = described.filter((answer) => !given.has(answer) && !ELSEWHERE.includes(answer.slice(-3)));
  expect(missing).toEqual(UNREACHABLE);
});

test('a bridge that has not reached PostgreSQL answers as described, too', async () => {
  const operations = describing('503');
  expect(operations.length).toBeGreaterThan(5);
  for (const { operation, method, path, question } of operations) {
    const target = question.path === 'TICKET' ? { ...question, path: '/ofrep/v1/events?ticket=x' } : question;
    const response = await ask(method, path, target, lost.url);
    expect(response.status, operation).toBe(question.path === 'TICKET' ? 401 : 503);
    await check(operation, response);
  }
});

test('a key that asks too often or has too many streams is told so as described', async () => {
  const operations = describing('429');
  expect(operations.length).toBeGreaterThan(5);
  for (const { operation, method, path, question } of operations) {
    const answered: Response[] = [];
    let refused: Response | undefined;
    // A ticket is taken as often as one likes, and its stream counts for as long as it is open.
    await until(`${operation} is refused`, async () => {
      const response = await ask(method, path, question, strict.url);
      if (response.status === 429) refused = response;
      else answered.push(response);
      return refused !== undefined;
    });
    if (refused === undefined) throw new Error(operation);
    expect(Number(refused.headers.get('retry-after')), operation).toBeGreaterThan(0);
    await check(operation, refused);
    for (const response of answered) await response.body?.cancel();
  }
});

test('a request whose body does not end is told so as described', async () => {
  const operations = describing('408').filter(({ method }) => method === 'post');
  expect(operations.length).toBeGreaterThan(3);
  for (const { operation, path, question } of operations) {
    let response = new Response(null);
    // The key may have asked a moment ago.
    await until(`${operation} is too slow`, async () => {
      response = await trickle(strict.url + (question.path ?? path), question);
      return response.status !== 429;
    });
    expect(response.status, operation).toBe(408);
    await check(operation, response);
  }
});

test('whatever needs a key may be too much, too slow or defective, and says so in the same words', () => {
  for (const item of Object.values(description.paths)) {
    for (const { responses } of Object.values(item).filter((operation) => '401' in operation.responses)) {
      for (const status of ELSEWHERE) expect(responses[status]?.$ref).toMatch(/^#\/components\/responses\//);
    }
  }
});

test('the manifest has the type and the off value of every flag that the key may see', async () => {
  const manifest = async (key: 'server' | 'client'): Promise<unknown> =>
    (await ask('get', '/openfeature/v0/manifest', { status: 200, key })).json();
  const off = JSON.parse(
    await scene.sql(`
      SELECT jsonb_object_agg(s.flag_key, v.value)
      FROM fauna.flag_settings s JOIN fauna.variants v ON (v.flag_key, v.key) = (s.flag_key, s.off_variant)`),
  ) as Record<string, unknown>;
  const flags = (types: Record<string, string>): object => ({
    flags: Object.entries(types).map(([key, type]) => ({ key, type, defaultValue: off[key] })),
  });
  const seen = { layout: 'object', limit: 'integer', ratio: 'float', theme: 'string' };
  expect(await manifest('client')).toEqual(flags({ checkout: 'boolean', ...seen }));
  expect(await manifest('server')).toEqual(flags({ checkout: 'boolean', hidden: 'boolean', ...seen }));
});
