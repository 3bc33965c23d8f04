/** The whole body of an answer. */

/** A body this long is no ruleset. */
const MAX_BYTES = 256 * 1024 * 1024;

/** Reads a body to its end; `onPiece` hears of every piece. Throws when it is too long or no UTF-8. */
export async function readText(
  body: AsyncIterable<Uint8Array> | null,
  onPiece: () => void,
  maxBytes = MAX_BYTES,
): Promise<string> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of body ?? []) {
    onPiece();
    bytes += piece.byteLength;
    if (bytes > maxBytes) throw new Error('the answer is too long');
    pieces.push(piece);
  }
  return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(pieces));
}
