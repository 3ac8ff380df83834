import { canonicalDomain } from '../../policy/address.ts';
import type { Address } from '../../policy/block-set.ts';
import { ipv4At, ipv6At, u16, u32 } from './bytes.ts';
import { ownText } from './facts.ts';

/** A DNS answer with addresses (RFC 1035); those that service records hint at are used as such (RFC 9460, 7.3). */
export interface DnsAnswer {
  /** The canonical name of the question. */
  readonly domain: string;
  /** Canonical names between the question and the addresses, in order. */
  readonly chain: readonly string[];
  readonly addresses: readonly Address[];
  /** The least of all records on the way, seconds. */
  readonly ttlS: number;
}

export type DnsIgnored = 'short' | 'question' | 'failed' | 'kind' | 'name' | 'empty';

/** Records that are read of one message; real answers have a few dozen. */
const MAX_RECORDS = 256;
const MAX_CHAIN = 16;
const MAX_POINTERS = 16;
/** RFC 1035, 2.3.4; the text of the longest name is shorter. */
const MAX_NAME = 255;
const [A, CNAME, AAAA, SVCB, HTTPS, IN] = [1, 5, 28, 64, 65, 1];
/** Questions whose answers lead to addresses. */
const QUESTIONS: ReadonlySet<number> = new Set([A, AAAA, SVCB, HTTPS]);
const MAX_PARAMETERS = 32;
const MAX_HINTS = 32;
const [IPV4_HINT, IPV6_HINT] = [4, 6];

/** An address or alias in the answer section. */
export interface DnsRecord {
  /** Lower case, no trailing dot, not checked further. */
  readonly owner: string;
  readonly ttlS: number;
  readonly address?: Address;
  readonly alias?: string;
}

/**
 * Reads an answer: its one question, and the addresses at the end of its aliases. A truncated one is read as far as
 * it goes. Time and memory are bounded by {@link MAX_RECORDS} and the message's length; counts in the header are
 * believed by nobody.
 */
export function parseDnsAnswer(bytes: Uint8Array): DnsAnswer | DnsIgnored {
  if (bytes.length < 12) return 'short';
  const flags = u16(bytes, 2);
  if ((flags & 0x8000) === 0) return 'question';
  if ((flags & 0x7800) !== 0 || u16(bytes, 4) !== 1) return 'kind';
  if ((flags & 0x000f) !== 0) return 'failed';
  const question = readName(bytes, 12);
  if (question === undefined || question.next + 4 > bytes.length) return 'short';
  const type = u16(bytes, question.next);
  if (!QUESTIONS.has(type) || u16(bytes, question.next + 2) !== IN) return 'kind';
  const domain = canonicalDomain(question.name);
  if (domain === undefined) return 'name';
  return followAliases(domain, readRecords(bytes, question.next + 4, u16(bytes, 6)));
}

/** The canonical name in the one question of a message, asked or answered, whatever was wanted of it. */
export function parseDnsQuestion(bytes: Uint8Array): { domain: string; asks: boolean } | DnsIgnored {
  if (bytes.length < 12) return 'short';
  const flags = u16(bytes, 2);
  if ((flags & 0x7800) !== 0 || u16(bytes, 4) !== 1) return 'kind';
  const question = readName(bytes, 12);
  if (question === undefined || question.next + 4 > bytes.length) return 'short';
  const domain = canonicalDomain(question.name);
  return domain === undefined ? 'name' : { domain: ownText(domain), asks: (flags & 0x8000) === 0 };
}

/** The addresses and aliases of the answers of a multicast DNS response (RFC 6762), which has no question. */
export function parseMdnsRecords(bytes: Uint8Array): DnsRecord[] {
  if (bytes.length < 12 || (u16(bytes, 2) & 0x8000) === 0 || u16(bytes, 4) !== 0) return [];
  return readRecords(bytes, 12, u16(bytes, 6) + u16(bytes, 8) + u16(bytes, 10));
}

function followAliases(domain: string, records: readonly DnsRecord[]): DnsAnswer | DnsIgnored {
  const aliases = Map.groupBy(
    records.filter(({ alias }) => alias !== undefined),
    ({ owner }) => owner,
  );
  const names = new Set([domain]);
  let ttlS = 0xffffffff;
  // A set is walked in the order in which it grows.
  for (const name of names) {
    for (const { alias, ttlS: ttl } of aliases.get(name) ?? []) {
      if (alias === undefined || names.size > MAX_CHAIN || names.has(alias)) continue;
      names.add(alias);
      ttlS = Math.min(ttlS, ttl);
    }
  }
  const addresses = new Set<Address>();
  for (const record of records) {
    if (record.address === undefined || !names.has(record.owner)) continue;
    addresses.add(record.address);
    ttlS = Math.min(ttlS, record.ttlS);
  }
  if (addresses.size === 0) return 'empty';
  const chain = [...names]
    .slice(1)
    .map(canonicalDomain)
    .filter((alias) => alias !== undefined);
  return { domain: ownText(domain), chain: chain.map(ownText), addresses: [...addresses], ttlS };
}

function readRecords(bytes: Uint8Array, from: number, count: number): DnsRecord[] {
  const records: DnsRecord[] = [];
  let at = from;
  for (let i = 0; i < Math.min(count, MAX_RECORDS); i++) {
    const owner = readName(bytes, at);
    if (owner === undefined || owner.next + 10 > bytes.length) break;
    const [type, ttlS, length] = [
      u16(bytes, owner.next),
      u32(bytes, owner.next + 4),
      u16(bytes, owner.next + 8),
    ];
    // Multicast DNS uses the top bit of the class to flush caches.
    const isInternet = (u16(bytes, owner.next + 2) & 0x7fff) === IN;
    const data = owner.next + 10;
    at = data + length;
    if (at > bytes.length) break;
    if (!isInternet) continue;
    if (type === A && length === 4) records.push({ owner: owner.name, ttlS, address: ipv4At(bytes, data) });
    if (type === AAAA && length === 16)
      records.push({ owner: owner.name, ttlS, address: ipv6At(bytes, data) });
    if (type === CNAME) {
      const alias = readName(bytes, data)?.name;
      if (alias !== undefined && alias !== '') records.push({ owner: owner.name, ttlS, alias });
    }
    if (type === SVCB || type === HTTPS) records.push(...readService(bytes, data, at, owner.name, ttlS));
  }
  return records.slice(0, MAX_RECORDS);
}

/** A service record (RFC 9460, 2.2): another name for the service, or the one where it is, with addresses as hints. */
function readService(bytes: Uint8Array, from: number, end: number, owner: string, ttlS: number): DnsRecord[] {
  const target = readName(bytes, from + 2);
  if (target === undefined || target.next > end) return [];
  const records: DnsRecord[] = [];
  // The root: the service is at its owner.
  const host = target.name === '' ? owner : target.name;
  if (host !== owner) records.push({ owner, ttlS, alias: host });
  let at = target.next;
  for (let count = 0; count < MAX_PARAMETERS && at + 4 <= end; count++) {
    const [key, length] = [u16(bytes, at), u16(bytes, at + 2)];
    at += 4;
    if (at + length > end) break;
    const [size, read] = key === IPV4_HINT ? [4, ipv4At] : key === IPV6_HINT ? [16, ipv6At] : [0, ipv4At];
    for (let hint = at; size > 0 && hint + size <= at + length && records.length < MAX_HINTS; hint += size) {
      records.push({ owner: host, ttlS, address: read(bytes, hint) });
    }
    at += length;
  }
  return records;
}

/** A possibly compressed name (RFC 1035, 4.1.4): pointers only go back, and only so often. */
function readName(bytes: Uint8Array, from: number): { name: string; next: number } | undefined {
  let name = '';
  let at = from;
  let next = -1;
  let total = 0;
  for (let pointers = 0; ; ) {
    const length = bytes[at];
    if (length === undefined) return undefined;
    if (length >= 0xc0) {
      const target = u16(bytes, at) & 0x3fff;
      if (at + 2 > bytes.length || target >= at || ++pointers > MAX_POINTERS) return undefined;
      if (next < 0) next = at + 2;
      at = target;
      continue;
    }
    if (length > 63) return undefined;
    if (length === 0) return { name, next: next < 0 ? at + 1 : next };
    total += length + 1;
    if (total > MAX_NAME || at + 1 + length > bytes.length) return undefined;
    if (name !== '') name += '.';
    for (let i = at + 1; i <= at + length; i++) {
      const byte = bytes[i] ?? 0;
      // A dot inside a label would look like two labels: it becomes what no name of ours contains.
      name += byte === 0x2e ? '\\' : String.fromCharCode(byte >= 0x41 && byte <= 0x5a ? byte + 32 : byte);
    }
    at += length + 1;
  }
}
