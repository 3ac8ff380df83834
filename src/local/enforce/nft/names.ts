import { type Family, familyOf, prefixOf, rangeOf } from '../../../policy/address.ts';
import type { Address, Prefix } from '../../../policy/block-set.ts';

/** Our table. */
export const TABLE = 'inet hedgerow';
/** Our table, and its twins for what is never routed: packets between two devices of one bridge, and those of the router itself. */
export const TABLES = { routed: TABLE, bridged: 'bridge hedgerow', own: 'inet hedgerow_own' } as const;
/** What one table judges. */
export type Judged = keyof typeof TABLES;
/**
 * Stands for the router itself in the sets of its own table, whatever addresses it has now: a block need not wait for
 * the newest one to be known. Loopback is nobody's address on an interface to the internet.
 */
export const SELF: Readonly<Record<Family, Address>> = { 4: '127.0.0.1', 6: '::1' };
/**
 * What blocks while our table is replaced by another. The kernel's change from one table to the next is not one for a
 * packet that is just on its way through both.
 */
export function nextOf(table: string): string {
  return `${table}_next`;
}
/** The chain at the hook; all others are called from it. */
export const BASE = 'on_forward';
/** Before fw4, firewalld and Docker, which filter at 0. */
export const PRIORITY = -10;

/**
 * What the sets hold (design page enforce.md); each name ends in the family. Of the home: `u` the guard, `h` the
 * home, `e` remotes blocked for everyone, `r` every blocked remote, `k` devices' addresses,
 * on bridges also `o`, those of them outside the home, and `b`, `xb`, `wb` (link-local.ts). By the owner's address:
 * `l` the addresses, `p` pairs, `a` excepted pairs, `n` networks, `an` excepted networks, `x` excepted networks of one
 * address, `s` and `d` the chains for wide owners by source and by destination. By the owner's MAC: `lm`, `pm`, `am`,
 * `nm`, `anm`, `xm`, `sm`.
 */
export type SetLetter =
  | 'u'
  | 'h'
  | 'e'
  | 'r'
  | 'k'
  | 'o'
  | 'b'
  | 'xb'
  | 'wb'
  | 'l'
  | 'p'
  | 'a'
  | 'n'
  | 'an'
  | 'x'
  | 's'
  | 'd'
  | 'lm'
  | 'pm'
  | 'am'
  | 'nm'
  | 'anm'
  | 'xm'
  | 'sm';

/** What counts drops: pairs, networks, `internet` and `lan`, by address and by MAC; and remotes blocked for everyone. */
export type HitLetter = 'p' | 'n' | 'i' | 'l' | 'pm' | 'nm' | 'im' | 'lm' | 'e';

/**
 * An address or MAC that several owners have is looked for in several rounds, one owner in each: whatever one of them
 * excepts, the others are asked as well.
 */
export function inRound(name: string, round: number): string {
  return round === 0 ? name : `${name}_${round}`;
}

export function setName(letter: SetLetter, family: Family, round = 0): string {
  return inRound(`${letter}${family}`, round);
}

export function hitName(letter: HitLetter, family: Family): string {
  return `hit_${letter}${family}`;
}

/** What a counting set's name says; undefined for others. */
export function parseHitName(name: string): { letter: HitLetter; family: Family } | undefined {
  const [, letter, family] = /^hit_(p|n|i|l|pm|nm|im|lm|e)([46])$/.exec(name) ?? [];
  return letter === undefined ? undefined : { letter: letter as HitLetter, family: family === '4' ? 4 : 6 };
}

/** The bits of an address. */
export const WIDTH: Readonly<Record<Family, number>> = { 4: 32, 6: 128 };

/**
 * A prefix as one address: its first one with the highest host bit set. One set holds prefixes of all lengths this
 * way, they may lie inside each other, and a change does not cost the tool a look at all of them, as it does with sets
 * of intervals. Only for prefixes shorter than an address.
 */
export function encodePrefix(prefix: Prefix): Address {
  const usual = encodeUsual(prefix);
  if (usual !== undefined) return usual;
  const { first, last } = rangeOf(prefix);
  return textOf(first + (last - first + 1n) / 2n, familyOf(prefix));
}

const V4 = /^(\d+)\.(\d+)\.(\d+)\.(\d+)\/(\d+)$/;
const V6 = /^((?:[1-9a-f][0-9a-f]{0,3}:){1,5}):\/(\d+)$/;

/** The same for prefixes as they usually are, by their text: lists have ten thousands of them. Undefined for others. */
function encodeUsual(prefix: Prefix): Address | undefined {
  const [, a, b, c, d, bits4] = V4.exec(prefix) ?? [];
  if (bits4 !== undefined) {
    const bytes = [Number(a), Number(b), Number(c), Number(d)];
    const at = Number(bits4) >> 3;
    bytes[at] = (bytes[at] ?? 0) + (0x80 >> (Number(bits4) & 7));
    return bytes.join('.');
  }
  const [, text, bits6] = V6.exec(prefix) ?? [];
  if (text === undefined) return undefined;
  const groups = text.slice(0, -1).split(':');
  const at = Number(bits6) >> 4;
  const bit = 0x8000 >> (Number(bits6) & 15);
  // Groups of zero between would be written otherwise.
  if (at > groups.length || at > 5) return undefined;
  groups[at] = (Number.parseInt(groups[at] ?? '0', 16) + bit).toString(16);
  return `${groups.join(':')}::`;
}

/** The prefix that an address stands for. */
export function decodePrefix(address: Address): Prefix {
  const family = familyOf(address);
  const { first } = rangeOf(address);
  let hostBits = 1;
  while (hostBits < WIDTH[family] && ((first >> BigInt(hostBits - 1)) & 1n) === 0n) hostBits += 1;
  return prefixOf(first - (1n << BigInt(hostBits - 1)), WIDTH[family] - hostBits, family);
}

/** The mask that takes the prefix of this length from an address, and the bit that marks it. */
export function markOf(length: number, family: Family): { readonly mask: Address; readonly bit: Address } {
  const host = BigInt(WIDTH[family] - length);
  const all = (1n << BigInt(WIDTH[family])) - 1n;
  return { mask: textOf(all - ((1n << host) - 1n), family), bit: textOf(1n << (host - 1n), family) };
}

/** The text of an address as a tool reads it back; never IPv4 for an IPv6 address. */
export function textOf(address: bigint, family: Family): Address {
  return prefixOf(address, WIDTH[family], family).split('/')[0] ?? '';
}
