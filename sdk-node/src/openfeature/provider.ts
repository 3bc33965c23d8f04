/**
 * Fauna as a provider of OpenFeature's server SDK. A thin layer: Fauna uses OpenFeature's words anyway, so contexts,
 * reasons, error codes and metadata pass through as they are.
 *
 * The provider's status follows the client's; a client that has values goes on serving them whatever happens:
 *
 *     client        provider
 *     initializing  NOT_READY; when no ruleset came in time ERROR, or FATAL if the key was refused or the options
 *                   cannot work. READY follows by itself if a ruleset comes later.
 *     ready         READY
 *     stale         STALE
 *     closed        ERROR
 */
import {
  ErrorCode,
  GeneralError,
  OpenFeatureEventEmitter,
  ProviderEvents,
  ProviderFatalError,
} from '@openfeature/server-sdk';
import type { EvaluationContext, JsonValue, Provider, ResolutionDetails } from '@openfeature/server-sdk';
import type { FaunaClient } from '../client/client.ts';
import { startClient } from '../client/create-client.ts';
import type { StartedClient } from '../client/create-client.ts';
import type { EvaluationDetails } from '../client/details.ts';
import type { ClientOptions } from '../client/options.ts';

/**
 * Resolves the flags of a Fauna client for OpenFeature.
 *
 * Given options, the provider makes its own client when it is initialized and closes it when OpenFeature is done with
 * it. Given a client, it borrows that: whoever made the client closes it.
 *
 * @example
 * await OpenFeature.setProviderAndWait(new FaunaProvider({ url, key }));
 * const checkout = await OpenFeature.getClient().getBooleanValue('checkout', false, { targetingKey: user.id });
 */
export class FaunaProvider implements Provider {
  readonly metadata = { name: 'fauna' } as const;
  readonly runsOn = 'server';
  /** READY, STALE, ERROR and CONFIGURATION_CHANGED, the last with `flagsChanged`. */
  readonly events = new OpenFeatureEventEmitter();

  readonly #given: FaunaClient | ClientOptions;
  /** Replaced with every initialization and end: what an old one still waits for no longer counts. */
  #session: Session | undefined;

  constructor(clientOrOptions: FaunaClient | ClientOptions) {
    this.#given = clientOrOptions;
  }

  /** The client that is used at present; undefined before `initialize` and after `onClose`. */
  get client(): FaunaClient | undefined {
    return this.#session?.client;
  }

  /**
   * Called by OpenFeature. Resolves when there is a ruleset, within `timeoutMs` of the client; else rejects, though the
   * client goes on trying.
   */
  async initialize(): Promise<void> {
    const session: Session = { client: undefined, stopFollowing: () => undefined };
    this.#session = session;
    const client = await this.#settledClient(session);
    if (this.#session !== session) throw new GeneralError('the provider was closed while it was initialized');
    session.stopFollowing = this.#follow(client);
    switch (client.status) {
      case 'ready':
        return;
      case 'stale':
        // OpenFeature says READY when this has resolved, and the truth is to come after it.
        setImmediate(() => {
          if (this.#session === session && client.status === 'stale') this.#emitStale(client);
        });
        return;
      case 'initializing':
        throw initializationError(client);
      case 'closed':
        throw new ProviderFatalError('the client is closed');
    }
  }

  /** Called by OpenFeature when it is done with this provider, which may be initialized again. */
  async onClose(): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    session?.stopFollowing();
    if (this.#isOwned) await session?.client?.close();
  }

  /** Called by OpenFeature; never rejects. */
  resolveBooleanEvaluation(
    key: string,
    fallback: boolean,
    context: EvaluationContext,
  ): Promise<ResolutionDetails<boolean>> {
    return this.#resolve(fallback, (client) => client.booleanDetails(key, context, fallback));
  }

  /** Called by OpenFeature; never rejects. */
  resolveStringEvaluation(
    key: string,
    fallback: string,
    context: EvaluationContext,
  ): Promise<ResolutionDetails<string>> {
    return this.#resolve(fallback, (client) => client.stringDetails(key, context, fallback));
  }

  /** Called by OpenFeature; never rejects. */
  resolveNumberEvaluation(
    key: string,
    fallback: number,
    context: EvaluationContext,
  ): Promise<ResolutionDetails<number>> {
    return this.#resolve(fallback, (client) => client.numberDetails(key, context, fallback));
  }

  /** Called by OpenFeature; never rejects. The value is frozen, and its shape not checked. */
  resolveObjectEvaluation<T extends JsonValue>(
    key: string,
    fallback: T,
    context: EvaluationContext,
  ): Promise<ResolutionDetails<T>> {
    return this.#resolve(fallback, (client) => client.jsonDetails(key, context, fallback));
  }

  #resolve<T>(
    fallback: T,
    evaluate: (client: FaunaClient) => EvaluationDetails<T>,
  ): Promise<ResolutionDetails<T>> {
    const client = this.#session?.client;
    // The same members by the same names; only the compiler does not know that metadata has no others.
    if (client !== undefined) return Promise.resolve(evaluate(client) as unknown as ResolutionDetails<T>);
    const errorCode = ErrorCode.PROVIDER_NOT_READY;
    return Promise.resolve({
      value: fallback,
      reason: 'ERROR',
      errorCode,
      errorMessage: 'there is no client',
    });
  }

  get #isOwned(): boolean {
    return !isClient(this.#given);
  }

  /** The client of a session, once there is no more use in waiting for it. */
  async #settledClient(session: Session): Promise<FaunaClient> {
    if (isClient(this.#given)) {
      session.client = this.#given;
      // Why there is no ruleset in time, the client's status and error tell.
      await this.#given.waitUntilReady().catch(() => undefined);
      return this.#given;
    }
    const { client, settled } = started(this.#given);
    session.client = client;
    await settled;
    return client;
  }

  /** Tells OpenFeature what the client tells; what it returns stops that. */
  #follow(client: FaunaClient): () => void {
    const stops = [
      client.on('ready', () => {
        this.events.emit(ProviderEvents.Ready);
      }),
      client.on('stale', () => {
        this.#emitStale(client);
      }),
      client.on('close', () => {
        this.events.emit(ProviderEvents.Error, {
          message: 'the client is closed: values no longer change',
          errorCode: ErrorCode.GENERAL,
        });
      }),
      client.on('change', ({ keys }) => {
        this.events.emit(ProviderEvents.ConfigurationChanged, { flagsChanged: [...keys] });
      }),
    ];
    return () => {
      for (const stop of stops) stop();
    };
  }

  #emitStale(client: FaunaClient): void {
    const message = client.error?.message ?? 'the bridge is cut off from its database';
    this.events.emit(ProviderEvents.Stale, { message });
  }
}

/** From an initialization to its end. */
interface Session {
  client: FaunaClient | undefined;
  stopFollowing: () => void;
}

/** Tells a client from options by what it can do: a client that another copy of the package made is one, too. */
function isClient(clientOrOptions: FaunaClient | ClientOptions): clientOrOptions is FaunaClient {
  return 'booleanDetails' in clientOrOptions;
}

function initializationError({ error }: FaunaClient): Error {
  if (error === undefined) return new GeneralError('no ruleset came in time');
  const isRefused = error.code === 'UNAUTHORIZED' || error.code === 'FORBIDDEN';
  return isRefused
    ? new ProviderFatalError(error.message)
    : new GeneralError(`no ruleset came: ${error.message}`);
}

function started(options: ClientOptions): StartedClient {
  try {
    return startClient(options);
  } catch (error) {
    throw new ProviderFatalError(error instanceof Error ? error.message : String(error));
  }
}
