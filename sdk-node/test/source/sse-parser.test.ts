import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SseParser } from '../../src/source/stream/sse-parser.ts';
import type { SseEvent } from '../../src/source/stream/sse-parser.ts';

interface Parsed {
  readonly events: SseEvent[];
  readonly retries: number[];
}

function parse(chunks: readonly (string | Uint8Array)[], maxEventChars?: number): Parsed {
  const events: SseEvent[] = [];
  const retries: number[] = [];
  const handler = {
    onEvent: (event: SseEvent) => events.push(event),
    onRetry: (ms: number) => retries.push(ms),
  };
  const parser = new SseParser(handler, maxEventChars);
  for (const chunk of chunks)
    parser.push(typeof chunk === 'string' ? new TextEncoder().encode(chunk) : chunk);
  return { events, retries };
}

function dataOf(text: string): string[] {
  return parse([text]).events.map((event) => event.data);
}

describe('events', () => {
  test('an event has its type, its data and the last id', () => {
    const { events } = parse(['id: 7\nevent: put\ndata: {"a":1}\n\n']);
    expect(events).toEqual([{ type: 'put', data: '{"a":1}', lastEventId: '7' }]);
  });

  test('an event without a type is a message, and a type does not outlive its event', () => {
    expect(parse(['event: put\ndata: 1\n\ndata: 2\n\n']).events.map((event) => event.type)).toEqual([
      'put',
      'message',
    ]);
  });

  test('an id outlives its event until another comes', () => {
    const { events } = parse(['id: 1\ndata: a\n\ndata: b\n\nid\ndata: c\n\n']);
    expect(events.map((event) => event.lastEventId)).toEqual(['1', '1', '']);
  });

  test('an id with a NUL is ignored', () => {
    expect(parse(['id: 1\nid: a\0b\ndata: x\n\n']).events[0]?.lastEventId).toBe('1');
  });

  test('several data lines are joined by line feeds', () => {
    expect(dataOf('data: YHOO\ndata: +2\ndata: 10\n\n')).toEqual(['YHOO\n+2\n10']);
  });

  test('a data field without a value counts, an event without data does not', () => {
    expect(dataOf('data\n\ndata\ndata\n\nevent: x\n\ndata:')).toEqual(['', '\n']);
  });

  test('only one space after the colon is taken away', () => {
    expect(dataOf('data:test\n\ndata: test\n\ndata:  test\n\n')).toEqual(['test', 'test', ' test']);
  });

  test('comments and unknown fields change nothing', () => {
    expect(dataOf(': heartbeat\n\n:\ndata: a\nfoo: bar\nDATA: b\n: c\n\n')).toEqual(['a']);
  });

  test('an event that has not ended is not dispatched', () => {
    expect(dataOf('data: a\n\ndata: b\n')).toEqual(['a']);
  });
});

describe('bytes', () => {
  test.each(['\n', '\r', '\r\n'])('lines end in %j', (end) => {
    expect(dataOf(['id: 1', 'data: a', 'data: b', '', 'data: c', '', ''].join(end))).toEqual(['a\nb', 'c']);
  });

  test('line ends may be mixed', () => {
    expect(dataOf('data: a\r\ndata: b\ndata: c\r\r\ndata: d\n\r\n')).toEqual(['a\nb\nc', 'd']);
  });

  test('a byte order mark at the start is ignored, one later is not', () => {
    expect(dataOf('\uFEFFdata: a\n\n\uFEFFdata: b\n\n')).toEqual(['a']);
  });

  test('a CRLF cut in two is one line end', () => {
    expect(parse(['data: a\r', '\ndata: b\r', '\n\r', '\n']).events.map((event) => event.data)).toEqual([
      'a\nb',
    ]);
  });

  test('however the bytes are cut into chunks the events are the same', () => {
    const lines = fc.constantFrom(
      'data: ä€😀',
      'data:',
      'data',
      'event: put',
      'id: 4',
      ': c',
      'retry: 5',
      '',
      '\uFEFF',
    );
    const ends = fc.constantFrom('\n', '\r', '\r\n');
    const texts = fc.array(fc.tuple(lines, ends), { maxLength: 20 });
    fc.assert(
      fc.property(texts, fc.array(fc.nat(), { maxLength: 10 }), (parts, cuts) => {
        const bytes = new TextEncoder().encode(parts.flat().join(''));
        const places = [
          0,
          ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b),
          bytes.length,
        ];
        const chunks = places.slice(1).map((place, index) => bytes.slice(places[index], place));
        expect(parse(chunks)).toEqual(parse([bytes]));
      }),
    );
  });

  test('an event longer than the limit is an error', () => {
    expect(() => parse(['data: 12345\n', 'data: 67890\n'], 8)).toThrow('too long');
    expect(() => parse(['data: 1234', '567890'], 8)).toThrow('too long');
  });

  test('many short events are not one long one', () => {
    expect(parse(['data: 12345\n\n', ': 1234\n', 'data: 67890\n\n'], 12).events).toHaveLength(2);
  });
});

describe('retry', () => {
  test('digits are a wish for the reconnection time', () => {
    expect(parse(['retry: 2500\n\n']).retries).toEqual([2500]);
  });

  test.each(['retry: 1s', 'retry: -1', 'retry: 1.5', 'retry:'])('%j is none', (line) => {
    expect(parse([`${line}\n\n`]).retries).toEqual([]);
  });
});
