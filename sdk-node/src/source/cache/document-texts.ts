/**
 * The documents of the present ruleset as JSON text, for the cache: the ruleset itself keeps only what it compiled them
 * to. They are held only where there is a cache, and take about the room of `GET /v1/ruleset`.
 */
import { member } from '../../evaluator/document.ts';
import type { Members } from '../../evaluator/document.ts';
import type { Payload, Position } from '../../evaluator/payload.ts';

export class DocumentTexts {
  readonly #flags = new Map<string, string>();
  readonly #audiences = new Map<string, string>();
  #position: Position | undefined;

  /** Of what is held; undefined before the first payload. */
  get position(): Position | undefined {
    return this.#position;
  }

  /** Takes a payload that the client took: a put, or a patch that continues what is held. */
  write(payload: Payload): void {
    const { environment, epoch, revision } = payload;
    if (payload.from === undefined) {
      this.#flags.clear();
      this.#audiences.clear();
    }
    write(this.#flags, payload.flags);
    write(this.#audiences, payload.audiences);
    this.#position = { environment, epoch, revision };
  }

  /** What is held, as a put. */
  toJson(): string {
    const { environment, epoch, revision } = this.#position ?? { environment: '', epoch: '', revision: 0 };
    const head = JSON.stringify({ environment, epoch, revision }).slice(0, -1);
    return `${head},"flags":${objectOf(this.#flags)},"audiences":${objectOf(this.#audiences)}}`;
  }
}

function write(texts: Map<string, string>, documents: Members): void {
  for (const key of Object.keys(documents)) {
    const document = member(documents, key);
    if (document === undefined) texts.delete(key);
    else texts.set(key, JSON.stringify(document));
  }
}

function objectOf(texts: ReadonlyMap<string, string>): string {
  const members = Array.from(texts, ([key, text]) => `${JSON.stringify(key)}:${text}`);
  return `{${members.join(',')}}`;
}
