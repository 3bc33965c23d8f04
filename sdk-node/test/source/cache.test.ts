/** Rulesets on disk: what is kept, what is believed, and who may replace what. */
import { createHash, createHmac } from 'node:crypto';
import { mkdir, readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { beforeEach, describe, expect, test } from 'vitest';
import { readPayload } from '../../src/evaluator/payload.ts';
import { DocumentTexts } from '../../src/source/cache/document-texts.ts';
import { RulesetCache } from '../../src/source/cache/ruleset-cache.ts';
import { booleanFlag, EPOCH, patch, put } from '../support/rulesets.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const OWNER = { url: 'http://bridge', key: 'fauna_sk_secret' };

const inFolder = temporaryFolder();
let warnings: string[];
let nowMs: number;

beforeEach(() => {
  warnings = [];
  nowMs = Date.parse('2026-01-01T00:00:00Z');
});

function cacheOf(owner = OWNER, folder = inFolder('cache')): RulesetCache {
  return new RulesetCache(
    folder,
    owner,
    () => nowMs,
    (message) => warnings.push(message),
  );
}

async function keep(revision: number, epoch = EPOCH, isTakenBack = false, cache = cacheOf()): Promise<void> {
  const payload = put(revision, { a: booleanFlag() }, {}, epoch);
  await cache.write({ environment: 'production', epoch, revision }, JSON.stringify(payload), isTakenBack);
}

const kept = async (): Promise<number | undefined> => (await cacheOf().read())?.revision;

const files = (): Promise<string[]> => readdir(inFolder('cache'));

async function onlyFile(): Promise<string> {
  const [name, ...more] = await files();
  expect(more).toEqual([]);
  return inFolder('cache', name ?? '');
}

test('what is kept is read again, by the same key at the same bridge only', async () => {
  await keep(7);
  expect(await cacheOf().read()).toEqual(readPayload(put(7, { a: booleanFlag() })));
  expect(await cacheOf({ ...OWNER, key: 'fauna_sk_other' }).read()).toBeUndefined();
  expect(await cacheOf({ ...OWNER, url: 'http://other' }).read()).toBeUndefined();
  expect(warnings).toEqual([]);
});

test('nothing kept is no warning', async () => {
  expect([await cacheOf().read(), warnings]).toEqual([undefined, []]);
});

test('the key is neither in the name nor in the content, and nobody else may read either', async () => {
  await keep(7);
  const path = await onlyFile();
  expect(`${path}${await readFile(path, 'utf8')}`).not.toContain('secret');
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect((await stat(inFolder('cache'))).mode & 0o777).toBe(0o700);
});

describe('newer and older', () => {
  test('an older state never replaces a newer one', async () => {
    await keep(7);
    await keep(6);
    expect([await kept(), (await files()).length]).toEqual([7, 1]);
  });

  test('a newer one replaces the older', async () => {
    await keep(6);
    await keep(7);
    expect([await kept(), (await files()).length]).toEqual([7, 1]);
  });

  test('writers in any order and at the same time leave the newest', async () => {
    const revisions = [3, 9, 1, 12, 5, 11, 2, 10];
    await Promise.all(revisions.map((revision) => keep(revision)));
    expect(await kept()).toBe(12);
  });

  test('what the server took back is not kept, though its revision is higher', async () => {
    await keep(7);
    await keep(6, EPOCH, true);
    expect([await kept(), (await files()).length]).toEqual([6, 1]);
  });

  test('of two epochs the one saved last is read', async () => {
    await keep(50, 'before');
    nowMs += 1000;
    await keep(2, 'after');
    expect((await cacheOf().read())?.epoch).toBe('after');
  });

  test('another epoch’s file is left to its process for an hour, and then removed', async () => {
    await keep(50, 'before');
    const [before = ''] = await files();
    await keep(2, 'after');
    expect(await files()).toContain(before);
    const long = new Date(Date.now() - 2 * 3_600_000);
    await utimes(inFolder('cache', before), long, long);
    await keep(3, 'after');
    expect(await files()).not.toContain(before);
  });
});

describe('damage', () => {
  test.each([
    ['an empty file', () => ''],
    ['the first half', (text: string) => text.slice(0, text.length / 2)],
    ['a changed letter', (text: string) => text.replace('"enabled":true', '"enabled":TRUE')],
    ['another head', (text: string) => text.replace(/^.*\n/, '{"savedAt":"2026-01-01","hmac":"00"}\n')],
    ['another time', (text: string) => text.replace('2026-01-01', '2036-01-01')],
    ['a head that is no object', (text: string) => text.replace(/^.*\n/, '17\n')],
    ['no head', (text: string) => text.replace(/^.*\n/, '')],
    ['bytes', () => '\u0000\u0001'],
  ])('%s is ignored with a warning, and removed', async (_name, damage) => {
    await keep(7);
    const path = await onlyFile();
    await writeFile(path, damage(await readFile(path, 'utf8')));
    expect(await kept()).toBeUndefined();
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/is ignored and removed/);
    expect(await files()).toEqual([]);
  });

  test('of a file does not hide a good one', async () => {
    await keep(7);
    const path = await onlyFile();
    await writeFile(path.replace('-7.', '-8.'), 'x');
    expect([await kept(), warnings.length]).toEqual([7, 1]);
  });

  test('another key’s file under our name is none of ours', async () => {
    await keep(7);
    const path = await onlyFile();
    const other = cacheOf({ ...OWNER, key: 'fauna_sk_other' }, inFolder('other'));
    await keep(9, EPOCH, false, other);
    const [name = ''] = await readdir(inFolder('other'));
    await writeFile(path, await readFile(inFolder('other', name)));
    expect([await kept(), warnings.length]).toEqual([undefined, 1]);
  });

  test('content that somebody sealed without knowing the key is not believed', async () => {
    await keep(7);
    const path = await onlyFile();
    const [, owner = ''] = /fauna-([0-9a-f]+)-/.exec(path) ?? [];
    const ruleset = JSON.stringify(put(7, { planted: booleanFlag() }));
    const savedAt = '2026-01-01T00:00:00.000Z';
    for (const text of [`${owner}\n${ruleset}`, `${owner}\n${savedAt}\n${ruleset}`]) {
      const seals = [
        createHash('sha256').update(text).digest('hex'),
        createHmac('sha256', owner).update(text).digest('hex'),
        createHmac('sha256', '').update(text).digest('hex'),
      ];
      for (const seal of seals) {
        await writeFile(path, `${JSON.stringify({ savedAt, hmac: seal, sha256: seal })}\n${ruleset}`);
        expect(await kept()).toBeUndefined();
      }
    }
    expect(warnings).toHaveLength(6);
  });

  test('a file of a later format is left alone', async () => {
    await keep(7);
    const path = await onlyFile();
    await writeFile(path.replace('.v2.', '.v3.'), 'later');
    await keep(8);
    expect([await kept(), warnings, (await files()).length]).toEqual([8, [], 2]);
  });

  test('what a process left unfinished is removed after an hour', async () => {
    await keep(7);
    const unfinished = `${await onlyFile()}.abc.tmp`;
    await writeFile(unfinished, 'half');
    await keep(8);
    expect((await files()).length).toBe(2);
    const long = new Date(Date.now() - 2 * 3_600_000);
    await utimes(unfinished, long, long);
    await keep(9);
    expect((await files()).length).toBe(1);
  });
});

test('a folder that is a file cannot be read, which is a warning, nor written, which is an error', async () => {
  await writeFile(inFolder('cache'), '');
  expect(await kept()).toBeUndefined();
  expect(warnings[0]).toMatch(/cannot be read: ENOTDIR/);
  await expect(keep(7)).rejects.toMatchObject({ code: 'EEXIST' });
});

test('a write that fails leaves nothing unfinished', async () => {
  await keep(7);
  // A folder in the file’s place: the rename fails.
  await mkdir((await onlyFile()).replace('-7.', '-8.'));
  await expect(keep(8)).rejects.toMatchObject({ code: 'EISDIR' });
  expect((await files()).filter((name) => name.endsWith('.tmp'))).toEqual([]);
});

test('patches lead to the same text as one put', () => {
  const texts = new DocumentTexts();
  texts.write(readPayload(put(1, { a: booleanFlag(), b: booleanFlag() }, { x: { match: 'all' } })));
  texts.write(readPayload(patch(1, 2, { a: null, '"c"': booleanFlag({ enabled: false }) }, { x: null })));
  const expected = put(2, { b: booleanFlag(), '"c"': booleanFlag({ enabled: false }) });
  expect(JSON.parse(texts.toJson())).toEqual(expected);
  expect(texts.position).toEqual({ environment: 'production', epoch: EPOCH, revision: 2 });
  texts.write(readPayload(put(3, {}, {}, 'new')));
  expect(JSON.parse(texts.toJson())).toEqual(put(3, {}, {}, 'new'));
});
