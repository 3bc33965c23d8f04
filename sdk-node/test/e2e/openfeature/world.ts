/** What one scenario is about: a provider under OpenFeature's API, a flag to ask for, and what came of it. */
import { OpenFeature } from '@openfeature/server-sdk';
import type {
  BeforeHookContext,
  Client,
  EvaluationContext,
  EvaluationDetails,
  FlagValue,
  Hook,
  JsonValue,
} from '@openfeature/server-sdk';
import type { BridgeOptions } from '../../../src/index.ts';
import { FaunaProvider } from '../../../src/openfeature/index.ts';
import type { Scene } from '../support/scene.ts';

/** Remembers the context it was asked with. */
class ListeningProvider extends FaunaProvider {
  context: EvaluationContext | undefined;

  override resolveBooleanEvaluation(
    ...[key, fallback, context]: Parameters<FaunaProvider['resolveBooleanEvaluation']>
  ): ReturnType<FaunaProvider['resolveBooleanEvaluation']> {
    this.context = context;
    return super.resolveBooleanEvaluation(key, fallback, context);
  }
}

/** Which hooks of OpenFeature were called, and with which details. */
export class RecordingHook implements Hook {
  readonly stages = new Map<string, EvaluationDetails<FlagValue> | undefined>();

  before(): void {
    this.stages.set('before', undefined);
  }

  after(_context: unknown, details: EvaluationDetails<FlagValue>): void {
    this.stages.set('after', details);
  }

  error(): void {
    this.stages.set('error', undefined);
  }

  finally(_context: unknown, details: EvaluationDetails<FlagValue>): void {
    this.stages.set('finally', details);
  }
}

export class World {
  readonly scene: Scene;
  readonly client: Client = OpenFeature.getClient();
  provider: ListeningProvider | undefined;
  flag: { readonly type: string; readonly key: string; readonly fallback: string } = {
    type: 'boolean',
    key: 'boolean-flag',
    fallback: 'false',
  };
  context: EvaluationContext = {};
  contextBefore = '';
  readonly transaction: EvaluationContext = {};
  readonly recorder = new RecordingHook();
  hooks: Hook[] = [];
  readonly called: string[] = [];
  levels: readonly string[] = [];
  details: EvaluationDetails<FlagValue> | undefined;
  /** What is to be ended after the scenario, besides the provider. */
  readonly ends: (() => unknown)[] = [];

  constructor(scene: Scene) {
    this.scene = scene;
  }

  /** Makes a provider the one of OpenFeature; what it resolves with is whether it is initialized. */
  register(options: Partial<BridgeOptions> = {}): Promise<void> {
    const { bridge, key } = this.scene;
    const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };
    this.provider = new ListeningProvider({ url: bridge.url, key, logger: silent, ...options });
    return OpenFeature.setProviderAndWait(this.provider);
  }

  /** Asks for the flag, by the method for its type. */
  async evaluate(hooks: Hook[] = []): Promise<EvaluationDetails<FlagValue>> {
    const { client, context, flag } = this;
    const fallback = valueOf(flag.type, flag.fallback);
    switch (flag.type.toLowerCase()) {
      case 'boolean':
        return client.getBooleanDetails(flag.key, fallback as boolean, context, { hooks });
      case 'string':
        return client.getStringDetails(flag.key, fallback as string, context, { hooks });
      case 'integer':
      case 'float':
        return client.getNumberDetails(flag.key, fallback as number, context, { hooks });
      case 'object':
        return client.getObjectDetails(flag.key, fallback, context, { hooks });
      default:
        throw new Error(`no type: ${flag.type}`);
    }
  }

  /** The details of the last evaluation. */
  get answer(): EvaluationDetails<FlagValue> {
    if (this.details === undefined) throw new Error('no flag was evaluated');
    return this.details;
  }

  /** Adds an entry to the context of a level. */
  add(level: string, key: string, value: string): void {
    switch (level) {
      case 'API':
        OpenFeature.setContext({ ...OpenFeature.getContext(), [key]: value });
        break;
      case 'Transaction':
        this.transaction[key] = value;
        break;
      case 'Client':
        this.client.setContext({ ...this.client.getContext(), [key]: value });
        break;
      case 'Invocation':
        this.context = { ...this.context, [key]: value };
        break;
      case 'Before Hooks':
        this.hooks.push({
          before: ({ context }: BeforeHookContext) => ({ ...context, [key]: value }),
        });
        break;
      default:
        throw new Error(`no level: ${level}`);
    }
  }

  async end(): Promise<void> {
    await OpenFeature.clearProviders();
    OpenFeature.setContext({});
    for (const end of this.ends) await end();
  }
}

/** A value as the features write it; objects with or without backslashes before their quotes. */
export function valueOf(type: string, text: string): FlagValue {
  switch (type.toLowerCase()) {
    case 'boolean':
      return text === 'true';
    case 'integer':
    case 'float':
      return Number(text);
    case 'object':
      return JSON.parse(text.replaceAll('\\"', '"')) as JsonValue;
    default:
      return text;
  }
}
