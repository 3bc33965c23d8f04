/**
 * `fetch` as far as a stream needs it, over `node:http` and `node:https`: what arrives is handed on in the turn of the
 * event loop that read it, where the web streams of the global `fetch` take some more. The agents are Node's global
 * ones, so proxies and certificates set there are honoured. Redirects are answers like others: a key goes to no other
 * address than the one it was given for.
 */
import http from 'node:http';
import type { IncomingMessage } from 'node:http';
import https from 'node:https';
import { pipeline } from 'node:stream';
import type { Duplex } from 'node:stream';
import { constants, createBrotliDecompress, createUnzip } from 'node:zlib';
import type { StreamRequest, StreamResponse } from './runtime.ts';

/** Sends a request; resolves when the head of the answer is there. The answer's body fails when the signal aborts. */
export async function send(
  url: string,
  { method, body, headers, signal }: StreamRequest,
): Promise<StreamResponse> {
  const request = new URL(url).protocol === 'https:' ? https.request : http.request;
  const message = await new Promise<IncomingMessage>((resolve, reject) => {
    request(url, {
      method: method ?? 'GET',
      headers: { 'accept-encoding': 'br, gzip, deflate', ...headers },
      signal,
    })
      .on('response', resolve)
      .on('error', reject)
      .end(body);
  });
  return {
    status: message.statusCode ?? 0,
    headers: { get: (name) => message.headersDistinct[name]?.join(', ') ?? null },
    body: decoded(message),
  };
}

function decoded(message: IncomingMessage): AsyncIterable<Uint8Array> {
  const decoder = decoderOf(message.headers['content-encoding']);
  // Where there is an error it ends the body too, and reading that tells it.
  return decoder === undefined ? message : pipeline(message, decoder, () => undefined);
}

/** Decoders that give what they have with every chunk: a stream has no end to wait for. */
function decoderOf(encoding: string | undefined): Duplex | undefined {
  switch (encoding?.trim().toLowerCase()) {
    case undefined:
    case 'identity':
      return undefined;
    case 'gzip':
    case 'x-gzip':
    case 'deflate':
      return createUnzip({ flush: constants.Z_SYNC_FLUSH, finishFlush: constants.Z_SYNC_FLUSH });
    case 'br':
      return createBrotliDecompress({ flush: constants.BROTLI_OPERATION_FLUSH });
    default:
      throw new Error(`the answer has the content encoding ${encoding ?? ''}, which was not asked for`);
  }
}
