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

/** A quick answer to "is this address inside one of these prefixes?" */
export class PrefixSet {
  readonly #prefixes: { family: Family; bytes: number[]; length: number }[] = [];

  constructor(prefixes: Iterable<Prefix>) {
    for (const prefix of prefixes) {
      const [base = '', length = '0'] = prefix.split('/');
      this.#prefixes.push({
        family: familyOf(base),
        bytes: ipaddr.parse(base).toByteArray(),
        length: Number(length),
      });
    }
  }

  /** The address must be canonical. */
  has(address: Address): boolean {
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

const NEVER_REMOTE = new PrefixSet([
  '0.0.0.0/8',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '224.0.0.0/4',
  '240.0.0.0/4',
  '::/128',
  '::1/128',
  'fe80::/10',
  'ff00::/8',
]);
const PRIVATE_V4 = new PrefixSet([
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '100.64.0.0/10',
  '169.254.0.0/16',
]);

/** True for addresses that no policy can be about: unspecified, loopback, link-local, multicast, broadcast, reserved. */
export function isSpecial(address: Address): boolean {
  return NEVER_REMOTE.has(address);
}

/** True for addresses that mean something only inside their segment (RFC 1918, RFC 6598, link-local). */
export function isPrivate(address: Address): boolean {
  return PRIVATE_V4.has(address) || (address.includes(':') && /^fe[89ab]/.test(address));
}

/** Canonical text of a domain name: lower case, no trailing dot, LDH and underscore labels; undefined for anything else. */
export function canonicalDomain(text: string): string | undefined {
  const name = text.toLowerCase().replace(/\.$/, '');
  if (name.length === 0 || name.length > 253 || !name.includes('.')) return undefined;
  if (!/^([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/.test(name))
    return undefined;
  return IPV4.test(name) ? undefined : name;
}
