/**
 * `in_cidr`: whether a text is an IP address inside one of the networks.
 *
 * Addresses are read strictly: no zone, no leading zeros in a dotted quad (octal to some, decimal to others). An
 * IPv4-mapped IPv6 address (`::ffff:192.0.2.1`, what a dual-stack socket reports for an IPv4 peer) is that IPv4
 * address, in contexts and in networks alike.
 */
import { DocumentError } from '../document.ts';

/** An IPv4 address is a number, an IPv6 address a bigint. */
type Address = number | bigint;

interface Range<T> {
  readonly first: T;
  last: T;
}

const MAPPED = 0xffff_0000_0000n;
const ALL_V6 = (1n << 128n) - 1n;

export function cidrTest(texts: readonly string[]): (text: string) => boolean {
  const v4: Range<number>[] = [];
  const v6: Range<bigint>[] = [];
  for (const text of texts) {
    if (!addNetwork(text, v4, v6)) throw new DocumentError('values: not a network in CIDR notation');
  }
  const [ranges4, ranges6] = [disjoint(v4), disjoint(v6)];
  return (text) => {
    const parsed = parseAddress(text);
    if (parsed === undefined) return false;
    const address = canonical(parsed);
    return typeof address === 'number' ? inRanges(ranges4, address) : inRanges(ranges6, address);
  };
}

/** Reads `address/length`, or an address alone. Bits beyond the length are ignored. */
function addNetwork(text: string, v4: Range<number>[], v6: Range<bigint>[]): boolean {
  const slash = text.indexOf('/');
  const parsed = parseAddress(slash === -1 ? text : text.slice(0, slash));
  if (parsed === undefined) return false;
  const bits = typeof parsed === 'number' ? 32 : 128;
  const length = slash === -1 ? bits : parsePrefixLength(text.slice(slash + 1), bits);
  if (length === undefined) return false;

  const address = canonical(parsed);
  if (typeof parsed === 'number') v4.push(rangeV4(parsed, length));
  else if (typeof address === 'number' && length >= 96) v4.push(rangeV4(address, length - 96));
  else v6.push(rangeV6(parsed, length));
  return true;
}

function rangeV4(address: number, length: number): Range<number> {
  const size = 2 ** (32 - length);
  const first = Math.floor(address / size) * size;
  return { first, last: first + size - 1 };
}

function rangeV6(address: bigint, length: number): Range<bigint> {
  const host = ALL_V6 >> BigInt(length);
  return { first: address & ~host, last: address | host };
}

function parsePrefixLength(text: string, bits: number): number | undefined {
  if (!/^(?:0|[1-9]\d{0,2})$/.test(text)) return undefined;
  return Number(text) <= bits ? Number(text) : undefined;
}

function canonical(address: Address): Address {
  return typeof address === 'bigint' && address >> 32n === MAPPED >> 32n
    ? Number(address & 0xffff_ffffn)
    : address;
}

/** Sorts and merges, so that one binary search answers for any number of networks. */
function disjoint<T extends Address>(ranges: readonly Range<T>[]): readonly Range<T>[] {
  const merged: Range<T>[] = [];
  for (const range of ranges.toSorted((a, b) => (a.first < b.first ? -1 : 1))) {
    const open = merged.at(-1);
    if (open === undefined || range.first > open.last) merged.push({ ...range });
    else if (range.last > open.last) open.last = range.last;
  }
  return merged;
}

function inRanges<T extends Address>(ranges: readonly Range<T>[], address: T): boolean {
  let low = 0;
  let high = ranges.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const range = ranges[middle];
    if (range === undefined) return false;
    if (address < range.first) high = middle;
    else if (address > range.last) low = middle + 1;
    else return true;
  }
  return false;
}

function parseAddress(text: string): Address | undefined {
  return text.includes(':') ? parseV6(text) : parseV4(text);
}

function parseV4(text: string): number | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (match === null) return undefined;
  let address = 0;
  for (const octet of match.slice(1)) {
    if (Number(octet) > 255 || (octet.length > 1 && octet.startsWith('0'))) return undefined;
    address = address * 256 + Number(octet);
  }
  return address;
}

function parseV6(text: string): bigint | undefined {
  const [head = '', tail, ...more] = text.split('::');
  if (more.length > 0) return undefined;
  if (tail === undefined) {
    const groups = parseGroups(head, true);
    return groups?.length === 8 ? fromGroups(groups) : undefined;
  }
  const before = parseGroups(head, false);
  const after = parseGroups(tail, true);
  if (before === undefined || after === undefined) return undefined;
  const missing = 8 - before.length - after.length;
  return missing < 1 ? undefined : fromGroups([...before, ...new Array<number>(missing).fill(0), ...after]);
}

/** Colon-separated groups of 16 bits; the last may be a dotted quad where the address ends there. */
function parseGroups(text: string, isEnd: boolean): number[] | undefined {
  if (text === '') return [];
  const parts = text.split(':');
  const groups: number[] = [];
  for (const [index, part] of parts.entries()) {
    if (/^[0-9A-Fa-f]{1,4}$/.test(part)) {
      groups.push(Number.parseInt(part, 16));
      continue;
    }
    const quad = isEnd && index === parts.length - 1 ? parseV4(part) : undefined;
    if (quad === undefined) return undefined;
    groups.push(Math.floor(quad / 65_536), quad % 65_536);
  }
  return groups;
}

function fromGroups(groups: readonly number[]): bigint {
  return groups.reduce((address, group) => (address << 16n) | BigInt(group), 0n);
}
