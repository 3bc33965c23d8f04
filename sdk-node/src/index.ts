/** `@fauna-flags/node`: feature flags that live in PostgreSQL, evaluated in process. */
export { createClient } from './client/create-client.ts';
export type { FaunaClient } from './client/client.ts';
export type { ClientEvents } from './client/follower.ts';
export type { BridgeOptions, ClientOptions, SourceOptions } from './client/options.ts';
export type { ClientStatus, StatusChange } from './client/connection-status.ts';
export type { ErrorCode, EvaluationDetails, FlagMetadata } from './client/details.ts';
export type { EvaluatedFlags } from './client/evaluator.ts';
export type { Listener } from './client/emitter.ts';
export type { ContextValue, EvaluationContext } from './evaluator/context.ts';
export type { Reason } from './evaluator/evaluation.ts';
export type { FlagKind } from './evaluator/flag.ts';
export type { JsonObject, JsonValue } from './evaluator/json-value.ts';
export type { Payload, Position } from './evaluator/payload.ts';
export type { Hook } from './hook.ts';
export { FaunaError } from './fauna-error.ts';
export type { FaunaErrorCode } from './fauna-error.ts';
export type { FlagKey, Flags, FlagValue, ShapedFlagKey, UnshapedFlagKey } from './flags.ts';
export type { Logger } from './logger.ts';
export type { Runtime, StreamRequest, StreamResponse } from './runtime.ts';
export type {
  ApplyResult,
  DataSink,
  DataSource,
  Delivery,
  SourceFactory,
  SourceHost,
} from './source/data-source.ts';
export { fileSource } from './source/file/file-source.ts';
export type { FileSourceOptions } from './source/file/file-source.ts';
export type { RulesetJson } from './source/ruleset-json.ts';
export type { RulesetChange } from './source/ruleset-store.ts';
export { staticSource } from './source/static-source.ts';
