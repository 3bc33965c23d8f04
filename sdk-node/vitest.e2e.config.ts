import { defineConfig } from 'vitest/config';

/** Tests against a real PostgreSQL and a real bridge: see test/e2e/README.md for what they need. */
export default defineConfig({
  test: {
    include: ['test/e2e/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    fileParallelism: false,
  },
});
