import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { USER_AGENT } from '../src/user-agent.ts';

const packageJson = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  readonly version: string;
};

test('the user agent has the version of the package', () => {
  expect(USER_AGENT).toBe(`fauna-node/${packageJson.version}`);
});
