/**
 * A parser for `text/event-stream` as the HTML standard defines it (section "Interpreting an event stream"): a byte
 * order mark, lines that end in LF, CR or CRLF wherever chunks are cut, comments, several data lines, `retry`, `id`.
 *
 * It keeps what is unfinished between chunks and looks at every byte once, so a put of many megabytes that arrives in
 * small pieces costs no more than one that arrives whole.
 */

/** A dispatched event. */
export interface SseEvent {
  /** The `event` field, `message` if there was none. */
  readonly type: string;
  readonly data: string;
  /** The last `id` seen on the stream so far, empty if none. */
  readonly lastEventId: string;
}

export interface SseHandler {
  onEvent(event: SseEvent): void;
  /** The server's wish for the delay before a reconnect, in milliseconds. */
  onRetry?(delayMs: number): void;
}

/** An event this long is no ruleset but a server that never ends its line. */
const MAX_EVENT_CHARS = 256 * 1024 * 1024;

export class SseParser {
  readonly #handler: SseHandler;
  readonly #maxEventChars: number;
  // Strips a byte order mark at the start and joins characters that chunks cut apart.
  readonly #decoder = new TextDecoder('utf-8');
  #partialLine: string[] = [];
  #partialChars = 0;
  #dataChars = 0;
  #endedInCr = false;
  #type = '';
  #data: string[] = [];
  #lastEventId = '';

  constructor(handler: SseHandler, maxEventChars = MAX_EVENT_CHARS) {
    this.#handler = handler;
    this.#maxEventChars = maxEventChars;
  }

  /** Takes the next chunk and calls the handler for every event it completes. Throws when an event is too long. */
  push(chunk: Uint8Array): void {
    const text = this.#decoder.decode(chunk, { stream: true });
    // The LF of a CRLF that was cut in two.
    let start = this.#endedInCr && text.startsWith('\n') ? 1 : 0;
    if (text.length > 0) this.#endedInCr = text.endsWith('\r');

    let cr = text.indexOf('\r', start);
    let lf = text.indexOf('\n', start);
    while (cr !== -1 || lf !== -1) {
      const end = cr === -1 || (lf !== -1 && lf < cr) ? lf : cr;
      this.#partialLine.push(text.slice(start, end));
      const line = this.#partialLine.join('');
      this.#partialLine = [];
      this.#partialChars = 0;
      this.#line(line);
      start = end === cr && lf === cr + 1 ? end + 2 : end + 1;
      if (cr !== -1 && cr < start) cr = text.indexOf('\r', start);
      if (lf !== -1 && lf < start) lf = text.indexOf('\n', start);
    }
    if (start < text.length) {
      this.#partialLine.push(text.slice(start));
      this.#partialChars += text.length - start;
      this.#checkLength();
    }
  }

  #line(line: string): void {
    if (line === '') {
      this.#dispatch();
      return;
    }
    const colon = line.indexOf(':');
    if (colon === 0) return;
    const field = colon === -1 ? line : line.slice(0, colon);
    const valueStart = line[colon + 1] === ' ' ? colon + 2 : colon + 1;
    this.#field(field, colon === -1 ? '' : line.slice(valueStart));
  }

  #field(field: string, value: string): void {
    switch (field) {
      case 'event':
        this.#type = value;
        break;
      case 'data':
        this.#data.push(value);
        this.#dataChars += value.length;
        this.#checkLength();
        break;
      case 'id':
        if (!value.includes('\0')) this.#lastEventId = value;
        break;
      case 'retry':
        if (/^\d+$/.test(value)) this.#handler.onRetry?.(Number(value));
        break;
      default:
        // Unknown fields are ignored: the standard's room for growth.
        break;
    }
  }

  #dispatch(): void {
    const event = {
      type: this.#type === '' ? 'message' : this.#type,
      data: this.#data.join('\n'),
      lastEventId: this.#lastEventId,
    };
    const hasData = this.#data.length > 0;
    this.#type = '';
    this.#data = [];
    this.#dataChars = 0;
    if (hasData) this.#handler.onEvent(event);
  }

  #checkLength(): void {
    if (this.#dataChars + this.#partialChars <= this.#maxEventChars) return;
    throw new Error('an event of the stream is too long');
  }
}
