/** The payloads of the stream: a `put` carries a whole environment, a `patch` what changed since a revision. */
import { DocumentError, member, readObject, requiredString } from './document.ts';
import type { Members } from './document.ts';

/** Which configuration this is: unique over restores and promotions by its epoch. */
export interface Position {
  readonly environment: string;
  readonly epoch: string;
  readonly revision: number;
}

/** A payload read as far as its form goes; documents are read when they are compiled, each for itself. */
export interface Payload extends Position {
  /** The revision a patch builds on; undefined in a put. */
  readonly from: number | undefined;
  readonly flags: Members;
  readonly audiences: Members;
}

/** Reads a payload. Throws {@link DocumentError} when it is not of its form. */
export function readPayload(value: unknown): Payload {
  const payload = readObject(value, 'payload');
  return {
    environment: requiredString(payload, 'environment'),
    epoch: requiredString(payload, 'epoch'),
    revision: requiredRevision(payload, 'revision'),
    from: member(payload, 'from') === undefined ? undefined : requiredRevision(payload, 'from'),
    flags: readObject(member(payload, 'flags'), 'flags'),
    audiences: readObject(member(payload, 'audiences'), 'audiences'),
  };
}

function requiredRevision(payload: Members, name: string): number {
  const revision = member(payload, name);
  if (typeof revision === 'number' && Number.isSafeInteger(revision) && revision >= 0) return revision;
  throw new DocumentError(`${name}: not a revision`);
}
