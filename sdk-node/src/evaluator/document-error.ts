/** A document that does not say what it must; its flag or audience carries the message and harms no other. */
export class DocumentError extends Error {
  override readonly name = 'DocumentError';
}
