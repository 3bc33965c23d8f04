import { rmSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InMemStorageProvider, Unleash } from 'unleash-client';

const simple = [
  { contextName: 'country', operator: 'IN', values: ['CA', 'US', 'MX'] },
  { contextName: 'plan', operator: 'IN', values: ['pro'] },
];
const segments = [
  { id: 1, constraints: simple },
  {
    id: 2,
    constraints: [
      ...simple,
      { contextName: 'age', operator: 'NUM_GTE', value: '18' },
      { contextName: 'age', operator: 'NUM_LT', value: '65' },
      { contextName: 'email', operator: 'STR_ENDS_WITH', values: ['@example.com'] },
      { contextName: 'staff', operator: 'IN', values: ['false'] },
      { contextName: 'deviceOs', operator: 'IN', values: ['android'] },
      { contextName: 'language', operator: 'IN', values: ['en', 'fr'] },
      { contextName: 'visits', operator: 'NUM_GT', value: '3' },
      { contextName: 'userId', operator: 'STR_STARTS_WITH', values: ['test-'], inverted: true },
    ],
  },
];

export const name = 'Unleash';
// Its contexts are flat, and its values texts.
export const contextOf = ({ targetingKey, device, ...user }) => ({
  userId: targetingKey,
  properties: { ...Object.fromEntries(Object.entries(user).map(([key, value]) => [key, String(value)])), deviceOs: device.os },
});

export function environmentOf(keys, rule) {
  const flagOf = (key, audience) => ({
    name: key,
    type: 'release',
    enabled: true,
    strategies: [
      {
        name: 'flexibleRollout',
        parameters: { rollout: audience === 'ten' ? '100' : '30', stickiness: 'userId', groupId: key },
        segments: [audience === 'ten' ? 2 : 1],
      },
    ],
  });
  return JSON.stringify({ version: 2, features: keys.map((key, index) => flagOf(key, index === 0 ? rule : 'rollout')), segments });
}

export async function start(text) {
  const backupPath = mkdtempSync(join(tmpdir(), 'fauna-bench-'));
  const { features, segments } = JSON.parse(text);
  const client = new Unleash({
    appName: 'bench',
    url: 'http://127.0.0.1:1',
    backupPath,
    bootstrap: { data: features, segments },
    storageProvider: new InMemStorageProvider(),
    refreshInterval: 0,
    disableMetrics: true,
    skipInstanceCountWarning: true,
  });
  client.on('error', () => undefined);
  client.on('warn', () => undefined);
  await new Promise((resolve) => client.once('ready', resolve));
  return {
    evaluate: (key, context) => client.isEnabled(key, context, false),
    close: () => {
      client.destroy();
      rmSync(backupPath, { recursive: true });
    },
  };
}
