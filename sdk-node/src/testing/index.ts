/** `@fauna-flags/node/testing`: flags that a test sets. */
export { TestData } from './test-data.ts';
export type { AudienceBuilder, TestValue, WhereOptions } from './audience-builder.ts';
export type { FlagBuilder } from './flag-builder.ts';
