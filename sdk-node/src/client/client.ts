/**
 * The client as an application sees it: evaluates against the ruleset that its follower holds, and tells of changes.
 * `create-client.ts` wires its parts.
 */
import { duration } from '../duration.ts';
import type { EvaluationContext } from '../evaluator/context.ts';
import type { JsonValue } from '../evaluator/json-value.ts';
import type { FaunaError } from '../fauna-error.ts';
import type { FlagKey, Flags, FlagValue, ShapedFlagKey, UnshapedFlagKey } from '../flags.ts';
import type { Hook, Hooks } from '../hook.ts';
import type { UsageReporter } from '../usage/usage-reporter.ts';
import type { ClientStatus } from './connection-status.ts';
import type { EvaluationDetails } from './details.ts';
import type { Emitter, Listener } from './emitter.ts';
import type { EvaluatedFlags, Evaluator, ValueType } from './evaluator.ts';
import type { ClientEvents, Follower } from './follower.ts';
import type { ResolvedOptions } from './options.ts';
import { untilRuleset } from './until-ruleset.ts';

/** A part of the client that holds timers, sockets or files. */
export interface Closeable {
  close(): Promise<void>;
}

/** What a client is made of. */
export interface ClientParts {
  readonly options: ResolvedOptions;
  readonly events: Emitter<ClientEvents>;
  readonly follower: Follower;
  readonly evaluator: Evaluator;
  readonly hooks: Hooks;
  /** Undefined where nothing is reported. */
  readonly usage: UsageReporter | undefined;
  /** What ends with the client, in this order; the follower, too. */
  readonly closeables: readonly Closeable[];
}

/** Evaluates flags in process and follows their changes. Made by `createClient`. */
export class FaunaClient {
  readonly #options: ResolvedOptions;
  readonly #events: Emitter<ClientEvents>;
  readonly #follower: Follower;
  readonly #closeables: readonly Closeable[];
  readonly #evaluator: Evaluator;
  readonly #hooks: Hooks;
  readonly #usage: UsageReporter | undefined;

  /** @internal */
  constructor({ options, events, follower, evaluator, hooks, usage, closeables }: ClientParts) {
    this.#options = options;
    this.#events = events;
    this.#follower = follower;
    this.#closeables = closeables;
    this.#evaluator = evaluator;
    this.#hooks = hooks;
    this.#usage = usage;
  }

  /** Whether there are values, and whether they are up to date. */
  get status(): ClientStatus {
    return this.#follower.status;
  }

  /** The environment and the exact configuration that evaluations use; undefined before the first. */
  get position():
    { readonly environment: string; readonly epoch: string; readonly revision: number } | undefined {
    return this.#follower.ruleset?.position;
  }

  /** Why changes do not arrive at present; undefined while they do. */
  get error(): FaunaError | undefined {
    return this.#follower.error;
  }

  /** The value of a boolean flag, or `fallback` if there is none. */
  boolean(key: FlagKey<'boolean'>, context: EvaluationContext, fallback: boolean): boolean {
    if (!this.#hooks.isEmpty) return this.booleanDetails(key, context, fallback).value;
    const value = this.#evaluator.value(key, context, 'boolean');
    return value === undefined ? fallback : (value as boolean);
  }

  /** The value of a string flag, or `fallback` if there is none. */
  string<Key extends FlagKey<'string'>>(
    key: Key,
    context: EvaluationContext,
    fallback: FlagValue<Key, string>,
  ): FlagValue<Key, string> {
    if (!this.#hooks.isEmpty) return this.stringDetails(key, context, fallback).value;
    const value = this.#evaluator.value(key, context, 'string');
    return value === undefined ? fallback : (value as FlagValue<Key, string>);
  }

  /** The value of a number flag, or `fallback` if there is none. */
  number<Key extends FlagKey<'number'>>(
    key: Key,
    context: EvaluationContext,
    fallback: FlagValue<Key, number>,
  ): FlagValue<Key, number> {
    if (!this.#hooks.isEmpty) return this.numberDetails(key, context, fallback).value;
    const value = this.#evaluator.value(key, context, 'number');
    return value === undefined ? fallback : (value as FlagValue<Key, number>);
  }

  /** The value of a json flag, frozen, or `fallback` if there is none. Its shape is not checked. */
  json<Key extends ShapedFlagKey>(key: Key, context: EvaluationContext, fallback: Flags[Key]): Flags[Key];
  json<T extends JsonValue>(key: UnshapedFlagKey, context: EvaluationContext, fallback: T): T;
  json<T>(key: string, context: EvaluationContext, fallback: T): T {
    if (!this.#hooks.isEmpty) return this.#details(key, context, fallback as JsonValue, 'json').value as T;
    const value = this.#evaluator.value(key, context, 'json');
    return value === undefined ? fallback : (value as T);
  }

  /** {@link boolean}, with how the value came about. */
  booleanDetails(
    key: FlagKey<'boolean'>,
    context: EvaluationContext,
    fallback: boolean,
  ): EvaluationDetails<boolean> {
    return this.#details(key, context, fallback, 'boolean');
  }

  /** {@link string}, with how the value came about. */
  stringDetails<Key extends FlagKey<'string'>>(
    key: Key,
    context: EvaluationContext,
    fallback: FlagValue<Key, string>,
  ): EvaluationDetails<FlagValue<Key, string>> {
    return this.#details(key, context, fallback, 'string');
  }

  /** {@link number}, with how the value came about. */
  numberDetails<Key extends FlagKey<'number'>>(
    key: Key,
    context: EvaluationContext,
    fallback: FlagValue<Key, number>,
  ): EvaluationDetails<FlagValue<Key, number>> {
    return this.#details(key, context, fallback, 'number');
  }

  /** {@link json}, with how the value came about. */
  jsonDetails<Key extends ShapedFlagKey>(
    key: Key,
    context: EvaluationContext,
    fallback: Flags[Key],
  ): EvaluationDetails<Flags[Key]>;
  jsonDetails<T extends JsonValue>(
    key: UnshapedFlagKey,
    context: EvaluationContext,
    fallback: T,
  ): EvaluationDetails<T>;
  jsonDetails<T>(key: string, context: EvaluationContext, fallback: T): EvaluationDetails<T> {
    return this.#details(key, context, fallback as JsonValue, 'json') as EvaluationDetails<T>;
  }

  /** Every flag of the environment for one context, by key; empty before the first ruleset. */
  evaluateAll(context: EvaluationContext): EvaluatedFlags {
    return this.#evaluator.all(context);
  }

  /** Has a hook told of every evaluation from now on; what it returns stops that. Throws a TypeError for what is none. */
  addHook(hook: Hook): () => void {
    return this.#hooks.add(hook);
  }

  /**
   * Reports now how often flags were evaluated, as before a serverless function is frozen. Resolves when the bridge has
   * it or has failed to take it; then it is tried again later, and until then this sends nothing. Calls while a report
   * is under way share the next one. Nothing to wait for without a bridge or with `usage: false`.
   */
  async flush(): Promise<void> {
    await this.#usage?.flush();
  }

  /** Listens to an event; what it returns stops listening. */
  on<Name extends keyof ClientEvents>(name: Name, listener: Listener<ClientEvents[Name]>): () => void {
    return this.#events.on(name, listener);
  }

  off<Name extends keyof ClientEvents>(name: Name, listener: Listener<ClientEvents[Name]>): void {
    this.#events.off(name, listener);
  }

  /**
   * Resolves when there is a ruleset, be it a bootstrap or what was known before (at once if there is). Rejects with a
   * {@link FaunaError} when there is none within `timeoutMs` (that of the client by default) or the client is closed.
   */
  async waitUntilReady({ timeoutMs }: { readonly timeoutMs?: number } = {}): Promise<void> {
    const limitMs = duration('timeoutMs', timeoutMs, this.#options.timeoutMs);
    await untilRuleset(this.#follower, this.#events, this.#options.runtime, limitMs);
  }

  /**
   * Ends the connection and reports usage a last time, which takes three seconds at most; when it resolves no timer,
   * socket or listener is left. Evaluation goes on with the last ruleset. May be called repeatedly.
   */
  async close(): Promise<void> {
    const closing = this.#closeables.map((part) => part.close());
    this.#events.removeAll();
    await Promise.all(closing);
  }

  /** The evaluation, of which the hooks have been told. */
  #details<T extends JsonValue>(
    key: string,
    context: EvaluationContext,
    fallback: T,
    type: ValueType,
  ): EvaluationDetails<T> {
    const details = this.#evaluator.details(key, context, fallback, type);
    if (!this.#hooks.isEmpty) this.#hooks.afterEvaluation(details, context);
    return details;
  }
}
