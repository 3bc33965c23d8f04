/** The stream is server-sent events to others' parsers, too, however a network cuts it up. */
import { EventSource } from 'eventsource';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { Cluster } from './support/cluster.ts';
import { Scene } from './support/scene.ts';
import { until } from './support/until.ts';

/** Characters of one to four bytes, and what would end a line or a field if it were not escaped. */
const SETUP = `
  SELECT fauna.create_flag('words', 'string', json_build_object('odd', E'é € 😀\\n\\ndata: x\\r\\nid: 1\\u2028', 'even', ''));
  SELECT fauna.create_flag('checkout');`;

let cluster: Cluster;
let scene: Scene;
let source: EventSource | undefined;

beforeAll(async () => {
  cluster = await Cluster.start();
});

afterEach(async () => {
  source?.close();
  await scene.end();
});

afterAll(() => cluster.stop());

/** What comes between the bridge and the parser; a new one for every connection. */
type Passage = () => TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>;

const unchanged: Passage = () => new TransformStream();

const byteByByte: Passage = () =>
  new TransformStream({
    transform(chunk, controller) {
      for (const byte of chunk) controller.enqueue(Uint8Array.of(byte));
    },
  });

const withCarriageReturns: Passage = () =>
  new TransformStream({
    transform(chunk, controller) {
      for (const byte of chunk) {
        if (byte === 0x0a) controller.enqueue(Uint8Array.of(0x0d));
        controller.enqueue(Uint8Array.of(byte));
      }
    },
  });

const withByteOrderMark: Passage = () =>
  new TransformStream({
    start: (controller) => {
      controller.enqueue(Uint8Array.of(0xef, 0xbb, 0xbf));
    },
  });

interface Message {
  readonly type: string;
  readonly id: string;
  readonly data: unknown;
}

/** Opens a stream, and collects what the parser makes of it. */
function open(passage: Passage): Message[] {
  const messages: Message[] = [];
  source = new EventSource(`${scene.bridge.url}/v1/stream`, {
    fetch: async (url, init) => {
      const headers = { ...init.headers, authorization: `Bearer ${scene.key}` };
      const response = await fetch(url, { ...init, headers });
      const body = response.body?.pipeThrough(passage()) ?? null;
      const { status, headers: answered } = response;
      return { body, url: response.url, status, redirected: false, headers: answered };
    },
  });
  for (const type of ['put', 'patch', 'status', 'message']) {
    source.addEventListener(type, ({ lastEventId, data }) => {
      messages.push({ type, id: lastEventId, data: JSON.parse(String(data)) });
    });
  }
  return messages;
}

const ruleset = async (): Promise<unknown> =>
  (
    await fetch(`${scene.bridge.url}/v1/ruleset`, { headers: { authorization: `Bearer ${scene.key}` } })
  ).json();

test.each([
  ['as it comes', unchanged],
  ['byte by byte', byteByByte],
  ['with CR LF, each on its own', withCarriageReturns],
  ['after a byte order mark', withByteOrderMark],
])('%s', async (_name, passage) => {
  scene = await Scene.set(cluster, SETUP);
  const messages = open(passage);
  await until('the put is there', () => messages.length === 1);
  expect(messages[0]).toMatchObject({ type: 'put', data: await ruleset() });
  await scene.sql(`SELECT fauna.enable('checkout')`);
  await until('the patch is there', () => messages.length === 2);
  const head = await scene.sql(`SELECT epoch || ':' || revision FROM fauna.heads`);
  expect(messages[1]).toMatchObject({
    type: 'patch',
    id: head,
    data: { flags: { checkout: { enabled: true } } },
  });

  // It comes back by itself, says where it was, and is told only what it missed.
  await scene.bridge.end('SIGKILL');
  await scene.sql(`SELECT fauna.disable('checkout')`);
  await scene.bridge.restart();
  await until('the next patch is there', () => messages.some(({ data }) => isRevision(data, head, 1)));
  const [, , ...later] = messages;
  expect(later.filter(({ type }) => type !== 'status')).toMatchObject([
    { type: 'patch', data: { flags: { checkout: { enabled: false } } } },
  ]);
});

function isRevision(data: unknown, head: string, after: number): boolean {
  const revision = Number(head.split(':')[1]) + after;
  return typeof data === 'object' && data !== null && 'revision' in data && data.revision === revision;
}
