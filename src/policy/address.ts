import ipaddr from 'ipaddr.js';
import type { Address, Mac, Prefix } from './block-set.ts';

/** 4 or 6. */
export type Family = 4 | 6;

const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/;

/** Canonical text of an address (IPv4-mapped IPv6 becomes IPv4, a zone is refused); undefined for anything else. */
export function canonicalAddress(text: string): Address | undefined {
  if (IPV4.test(text)) return text;
  if (text.length > 45 || !text.includes(':') || text.includes('%') || !ipaddr.IPv6.isValid(text))
    return undefined;
  const address = ipaddr.IPv6.parse(text);
  return address.isIPv4MappedAddress() ? address.toIPv4Address().toString() : address.toRFC5952String();
}

/** Canonical text of a MAC (colons or dashes, any case); undefined for anything else, for zero and for multicast. */
export function canonicalMac(text: string): Mac | undefined {
  if (!/^[0-9a-f]{2}([:-][0-9a-f]{2}){5}$/i.test(text)) return undefined;
  const mac = text.toLowerCase().replaceAll('-', ':');
  if (mac === '00:00:00:00:00:00' || (Number.parseInt(mac.slice(0, 2), 16) & 1) === 1) return undefined;
  return mac;
}

/** Canonical CIDR (host bits cleared; a bare address gets its full length); undefined for anything else. */
export function canonicalPrefix(text: string): Prefix | undefined {
  const [base = '', bits, more] = text.split('/');
  const address = canonicalAddress(base);
  if (address === undefined || more !== undefined) return undefined;
  const width = familyOf(address) === 4 ? 32 : 128;
  if (bits !== undefined && !/^(0|[1-9]\d{0,2})$/.test(bits)) return undefined;
  const length = bits === undefined ? width : Number(bits);
  if (length > width) return undefined;
  const network = ipaddr.parse(address).toByteArray();
  for (let bit = length; bit < width; bit++) {
    const at = bit >> 3;
    network[at] = (network[at] ?? 0) & ~(0x80 >> (bit & 7));
  }
  const canonical = canonicalAddress(ipaddr.fromByteArray(network).toNormalizedString());
  return canonical === undefined ? undefined : `${canonical}/${length}`;
}

/** The family of a canonical address or prefix. */
export function familyOf(address: Address | Prefix): Family {
  return address.includes(':') ? 6 : 4;
}

/** The first and the last address of a canonical prefix (of an address: itself), as numbers. */
export function rangeOf(prefix: Address | Prefix): { readonly first: bigint; readonly last: bigint } {
  const [base = '', length] = prefix.split('/');
  const width = familyOf(base) === 4 ? 32 : 128;
  let first = 0n;
  for (const byte of ipaddr.parse(base).toByteArray()) first = (first << 8n) | BigInt(byte);
  const rest = width - (length === undefined ? width : Number(length));
  return { first, last: first + (1n << BigInt(rest)) - 1n };
}

/** The canonical prefix of so many bits that begins at this address. */
export function prefixOf(first: bigint, length: number, family: Family): Prefix {
  const bytes: number[] = [];
  for (let left = family === 4 ? 4 : 16, rest = first; left > 0; left--, rest >>= 8n)
    bytes.unshift(Number(rest & 0xffn));
  const text = ipaddr.fromByteArray(bytes);
  return `${family === 4 ? text.toString() : (text as ipaddr.IPv6).toRFC5952String()}/${length}`;
}

/** A quick answer to "is this address inside one of these prefixes?" */
export class PrefixSet {
  /** Prefixes of full length are looked up, the others are gone through. */
  readonly #single = new Set<Address>();
  readonly #prefixes: { family: Family; bytes: number[]; length: number }[] = [];

  constructor(prefixes: Iterable<Prefix>) {
    for (const prefix of prefixes) {
      const [base = '', bits = '0'] = prefix.split('/');
      const family = familyOf(base);
      const length = Number(bits);
      if (length === (family === 4 ? 32 : 128)) this.#single.add(base);
      else this.#prefixes.push({ family, bytes: ipaddr.parse(base).toByteArray(), length });
    }
  }

  /** The address must be canonical. */
  has(address: Address): boolean {
    if (this.#single.has(address)) return true;
    if (this.#prefixes.length === 0) return false;
    const family = familyOf(address);
    const bytes = ipaddr.parse(address).toByteArray();
    return this.#prefixes.some(
      (prefix) => prefix.family === family && sharesBits(prefix.bytes, bytes, prefix.length),
    );
  }
}

function sharesBits(a: readonly number[], b: readonly number[], length: number): boolean {
  const whole = length >> 3;
  for (let i = 0; i < whole; i++) if (a[i] !== b[i]) return false;
  const rest = length & 7;
  return rest === 0 || ((a[whole] ?? 0) ^ (b[whole] ?? 0)) >> (8 - rest) === 0;
}

const LINK_LOCAL_V6 = /^fe[89ab][0-9a-f]:/;

/**
 * True for addresses that no policy can be about: unspecified, loopback, link-local, multicast, broadcast, reserved.
 * The address must be canonical: its text then tells, and this is asked for every address at every decision.
 */
export function isSpecial(address: Address): boolean {
  if (address.includes(':')) {
    return (
      address === '::' || address === '::1' || LINK_LOCAL_V6.test(address) || /^ff[0-9a-f]{2}:/.test(address)
    );
  }
  const first = Number.parseInt(address, 10);
  return first === 0 || first === 127 || first >= 224 || address.startsWith('169.254.');
}

/** True for addresses that mean something only inside their segment (RFC 1918, RFC 6598, link-local). Canonical too. */
export function isPrivate(address: Address): boolean {
  if (address.includes(':')) return LINK_LOCAL_V6.test(address);
  const [first, second = 0] = address.split('.', 2).map(Number);
  if (first === 10) return true;
  if (first === 172) return second >= 16 && second < 32;
  if (first === 192) return second === 168;
  if (first === 100) return second >= 64 && second < 128;
  return first === 169 && second === 254;
}

/** True for what is reachable from everywhere: none of the special purposes of the IANA registries (RFC 6890). */
export function isPublic(address: Address): boolean {
  return ipaddr.parse(address).range() === 'unicast';
}

/** Canonical text of a domain name: lower case, no trailing dot, LDH and underscore labels; undefined for anything else. */
export function canonicalDomain(text: string): string | undefined {
  const name = text.toLowerCase().replace(/\.$/, '');
  if (name.length === 0 || name.length > 253 || !name.includes('.')) return undefined;
  if (!/^([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/.test(name))
    return undefined;
  return IPV4.test(name) ? undefined : name;
}
