import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/e2e/**'],
    restoreMocks: true,
    // More than the longest wait for a condition (30 s), so that what a slow machine fails by is the condition's name.
    testTimeout: 40_000,
  },
});
