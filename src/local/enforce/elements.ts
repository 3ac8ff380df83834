import { canonicalAddress, canonicalPrefix, familyOf } from '../../policy/address.ts';

/** Most IPv6 addresses: no group is zero but for those that `::` stands for, of which there are two at least. */
const PLAIN_V6 =
  /^[1-9a-f][0-9a-f]{0,3}(?:(?::[1-9a-f][0-9a-f]{0,3}){7}|(?::[1-9a-f][0-9a-f]{0,3}){0,3}::(?:[1-9a-f][0-9a-f]{0,3}(?::[1-9a-f][0-9a-f]{0,3}){0,1})?)$/;
const MAC = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/;

/**
 * Whether a tool may be handed this as an address. What comes here is canonical already (policy/address.ts); this holds off
 * whatever a tool would resolve (`999.1.1.1` is a host name to ipset), refuse (a hash of ipset takes no `0.0.0.0`), print
 * otherwise than it was written, or take for an option or two lines: one of them would fail all that goes with it.
 */
export function isElement(address: string): boolean {
  if (PLAIN_V6.test(address)) return true;
  return canonicalAddress(address) === address && address !== '0.0.0.0' && address !== '::';
}

/** The same of a MAC. */
export function isMac(text: string): boolean {
  return MAC.test(text);
}

/**
 * A prefix as sets of networks take it: `/0` is not possible there and becomes its two halves. Empty for what is no canonical
 * prefix; ipset would see the same network in two of its writings, and hold fewer than it was given.
 */
export function networks(prefix: string): readonly string[] {
  if (!isUsual(prefix) && (!prefix.includes('/') || canonicalPrefix(prefix) !== prefix)) return [];
  if (!prefix.endsWith('/0')) return [prefix];
  return familyOf(prefix) === 4 ? ['0.0.0.0/1', '128.0.0.0/1'] : ['::/1', '8000::/1'];
}

const V4_NETWORK = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/([1-9]\d?)$/;
const V6_NETWORK = /^((?:[1-9a-f][0-9a-f]{0,3}:){1,6}):\/([1-9]\d{0,2})$/;

/**
 * True for canonical prefixes as they usually are, in a tenth of the time that canonicalPrefix takes: lists have ten thousands
 * of them, all of which are looked at when their owner changes.
 */
function isUsual(prefix: string): boolean {
  const [, a, b, c, d, bits4] = V4_NETWORK.exec(prefix) ?? [];
  if (bits4 !== undefined) {
    const [base, length] = [`${a}.${b}.${c}.${d}`, Number(bits4)];
    const address = ((Number(a) * 256 + Number(b)) * 256 + Number(c)) * 256 + Number(d);
    return length <= 32 && canonicalAddress(base) === base && address % 2 ** (32 - length) === 0;
  }
  const [, groups, bits6] = V6_NETWORK.exec(prefix) ?? [];
  if (groups === undefined || bits6 === undefined) return false;
  const all = groups.slice(0, -1).split(':');
  const unused = 16 * all.length - Number(bits6);
  if (Number(bits6) > 128 || unused >= 16) return false;
  return unused <= 0 || Number.parseInt(all.at(-1) ?? '', 16) % 2 ** unused === 0;
}
