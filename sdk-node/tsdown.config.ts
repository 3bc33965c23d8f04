import { defineConfig } from 'tsdown';

const common = { platform: 'node', target: 'node20', fixedExtension: false } as const;

export default defineConfig([
  {
    ...common,
    entry: {
      index: 'src/index.ts',
      openfeature: 'src/openfeature/index.ts',
      testing: 'src/testing/index.ts',
    },
    format: ['esm', 'cjs'],
    dts: true,
    sourcemap: true,
  },
  // Nobody imports the command.
  { ...common, entry: { cli: 'src/cli/main.ts' }, format: 'esm', dts: false },
]);
