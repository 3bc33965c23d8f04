/**
 * MurmurHash3 x86 32 bit (Austin Appleby, public domain) over the UTF-8 bytes of a string, without making those
 * bytes: code units go straight into the hash, so nothing is allocated for any string.
 *
 * What is hashed for a bucket is `salt + "." + value`, and the salt is the same for every call. {@link Murmur3Prefix}
 * therefore holds the state after the prefix and each call only feeds the value.
 */

const C1 = 0xcc9e2d51;
const C2 = 0x1b873593;

/** The state of a hash after some bytes: the mixed blocks, the bytes of the block begun, how many bytes there were. */
export interface Murmur3Prefix {
  readonly hash: number;
  readonly block: number;
  readonly length: number;
}

const EMPTY: Murmur3Prefix = Object.freeze({ hash: 0, block: 0, length: 0 });

/** The state after the UTF-8 bytes of `text`, to be continued by {@link murmur3}. */
export function murmur3Prefix(text: string, seed = 0): Murmur3Prefix {
  let hash = seed;
  let block = 0;
  let length = 0;
  for (const byte of new TextEncoder().encode(text)) {
    block |= byte << ((length & 3) << 3);
    length += 1;
    if ((length & 3) === 0) {
      hash = mixBlock(hash, block);
      block = 0;
    }
  }
  return { hash, block, length };
}

/** The hash of the prefix followed by the UTF-8 bytes of `text`, as an unsigned 32-bit integer. */
export function murmur3(text: string, prefix: Murmur3Prefix = EMPTY): number {
  let hash = prefix.hash;
  let block = prefix.block;
  let length = prefix.length;
  let index = 0;
  // Four characters of ASCII are a block at once; the prefix may have left it shifted by some bytes.
  const shift = (length & 3) << 3;
  for (; index + 3 < text.length; index += 4) {
    const first = text.charCodeAt(index);
    const second = text.charCodeAt(index + 1);
    const third = text.charCodeAt(index + 2);
    const fourth = text.charCodeAt(index + 3);
    if ((first | second | third | fourth) > 0x7f) break;
    const four = first | (second << 8) | (third << 16) | (fourth << 24);
    hash = mixBlock(hash, block | (four << shift));
    block = (four >>> (31 - shift)) >>> 1;
    length += 4;
  }
  for (; index < text.length; index += 1) {
    let unit = text.charCodeAt(index);
    if (unit < 0x80) {
      block |= unit << ((length & 3) << 3);
      length += 1;
      if ((length & 3) === 0) {
        hash = mixBlock(hash, block);
        block = 0;
      }
      continue;
    }
    if (unit >= 0xd800 && unit <= 0xdfff) {
      const next = text.charCodeAt(index + 1);
      if (unit <= 0xdbff && next >= 0xdc00 && next <= 0xdfff) {
        unit = 0x10000 + ((unit - 0xd800) << 10) + (next - 0xdc00);
        index += 1;
      } else {
        // A lone surrogate has no UTF-8; it counts as U+FFFD, as for TextEncoder.
        unit = 0xfffd;
      }
    }
    // The first byte of the sequence, then its continuation bytes, high bits first.
    const continuations = unit < 0x800 ? 1 : unit < 0x10000 ? 2 : 3;
    let byte = ((0xff << (7 - continuations)) & 0xff) | (unit >> (6 * continuations));
    for (let left = continuations; ; left -= 1) {
      block |= byte << ((length & 3) << 3);
      length += 1;
      if ((length & 3) === 0) {
        hash = mixBlock(hash, block);
        block = 0;
      }
      if (left === 0) break;
      byte = 0x80 | ((unit >> (6 * (left - 1))) & 0x3f);
    }
  }
  if ((length & 3) !== 0) hash ^= mixWord(block);
  return finish(hash ^ length);
}

function mixWord(word: number): number {
  const mixed = Math.imul(word, C1);
  return Math.imul((mixed << 15) | (mixed >>> 17), C2);
}

function mixBlock(hash: number, block: number): number {
  const mixed = hash ^ mixWord(block);
  return (Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe6546b64) | 0;
}

function finish(hash: number): number {
  let mixed = hash;
  mixed ^= mixed >>> 16;
  mixed = Math.imul(mixed, 0x85ebca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2ae35);
  mixed ^= mixed >>> 16;
  return mixed >>> 0;
}
