import type { Address } from '../../policy/block-set.ts';
import type { AddressReader } from './address-reader.ts';

/** What one direction carried. Exact up to 2^53. */
export interface Counts {
  readonly packets: number;
  readonly bytes: number;
}

/** One direction of a connection. */
export interface Tuple {
  readonly src: Address;
  readonly dst: Address;
  /** Ports; for ICMP `sport` is the query's id and `dport` its type; 0 where there are none. */
  readonly sport: number;
  readonly dport: number;
  /** Undefined when the kernel did not count (the entry is older than `nf_conntrack_acct`). */
  readonly counts: Counts | undefined;
}

/** One of the kernel's entries. */
export interface ConntrackEntry {
  /** Absent in a listing. */
  readonly event: 'NEW' | 'UPDATE' | 'DESTROY' | undefined;
  /** IP protocol number. */
  readonly protocol: number;
  readonly original: Tuple;
  readonly reply: Tuple;
  /** The kernel's id of the entry; /proc has none. */
  readonly id: number | undefined;
  readonly offloaded: boolean;
}

const MAX_LINE = 2_048;
const MAX_PORT = 65_535;
const MAX_COUNT = Number.MAX_SAFE_INTEGER;
/** The first letters of what is read: a reading is many lines, and most of their words are of no interest. */
const [S, D, P, B, T, I, C, BRACKET] = [...'sdpbtic['].map((letter) => letter.charCodeAt(0));

/**
 * A line of conntrack(8) (`-L`, `-E`, any `-o`) or /proc/net/nf_conntrack. Grammar: `[time] [event] (ipv4 2|ipv6 10)?
 * l4name l4num timeout? STATE? tuple counters? [UNREPLIED]? tuple counters? (flag|key=value)*`. Undefined for the rest.
 */
export function parseConntrackLine(line: string, addresses: AddressReader): ConntrackEntry | undefined {
  if (line.length > MAX_LINE) return undefined;
  const head = readHead(line);
  if (head === undefined) return undefined;
  const tuples: OpenTuple[] = [];
  let tuple: OpenTuple | undefined;
  let id = -1;
  let offloaded = false;
  let afterCode = false;
  for (let at = head.end, end = 0; at < line.length; at = end + 1) {
    end = line.indexOf(' ', at);
    if (end < 0) end = line.length;
    const first = line.charCodeAt(at);
    if (first === S && line.startsWith('src=', at)) {
      if (tuples.length === 2) return undefined;
      tuple = { src: '', dst: '', sport: 0, dport: 0, packets: -1, bytes: -1 };
      tuples.push(tuple);
    }
    if (first === BRACKET) {
      offloaded ||= line.startsWith('[OFFLOAD]', at) || line.startsWith('[HW_OFFLOAD]', at);
    } else if (first === I && !afterCode) {
      // The tuple of an ICMP query has an id of its own, right after its code: the entry's id is the last one.
      if (line.startsWith('id=', at)) id = readNumber(line, at + 3, end, MAX_COUNT);
    } else if (tuple !== undefined && !fill(tuple, first, line, at, end, addresses)) return undefined;
    afterCode = first === C && line.startsWith('code=', at);
  }
  const [original, reply] = tuples;
  if (original === undefined || reply === undefined) return undefined;
  const [there, back] = [close(original), close(reply)];
  if (there === undefined || back === undefined) return undefined;
  return {
    event: head.event,
    protocol: head.protocol,
    original: there,
    reply: back,
    id: id < 0 ? undefined : id,
    offloaded,
  };
}

/** What the same connection is called in every listing that has no ids. */
export function connectionKey({ protocol, original, reply }: ConntrackEntry): string {
  const { src, dst, sport, dport } = original;
  return `${protocol} ${src} ${sport} ${dst} ${dport} ${reply.src} ${reply.dst} ${reply.dport}`;
}

interface OpenTuple {
  src: Address;
  dst: Address;
  sport: number;
  dport: number;
  packets: number;
  bytes: number;
}

const EVENT = /\[(NEW|UPDATE|DESTROY)\]/;
/** The protocol's number is the first one behind a name; a family has its own in front. */
const PROTOCOL = /^(?:\s*\[[^\]]*\])*\s*(?:ipv[46]\s+\d+\s+)?[\w-]+\s+(\d{1,3})\s/;

/** Everything before the first tuple. `timeout=30, stream_timeout=180` of GRE in /proc belongs to it. */
function readHead(
  line: string,
): { event: ConntrackEntry['event']; protocol: number; end: number } | undefined {
  const end = line.indexOf('src=');
  if (end < 0) return undefined;
  const protocol = Number(PROTOCOL.exec(line)?.[1] ?? 256);
  if (protocol > 255) return undefined;
  const event = line.startsWith('ip') ? undefined : EVENT.exec(line.slice(0, end))?.[1];
  return { event: event as ConntrackEntry['event'], protocol, end };
}

/** Takes one `key=value` into the tuple; false when a counter is none. Addresses and ports are judged at the end. */
function fill(
  tuple: OpenTuple,
  first: number,
  line: string,
  at: number,
  end: number,
  addresses: AddressReader,
): boolean {
  switch (first) {
    case S:
      if (line.startsWith('src=', at)) tuple.src = addresses.read(line.slice(at + 4, end)) ?? '';
      else if (line.startsWith('sport=', at)) tuple.sport = readNumber(line, at + 6, end, MAX_PORT);
      return true;
    case D:
      if (line.startsWith('dst=', at)) tuple.dst = addresses.read(line.slice(at + 4, end)) ?? '';
      else if (line.startsWith('dport=', at)) tuple.dport = readNumber(line, at + 6, end, MAX_PORT);
      return true;
    case P:
      if (!line.startsWith('packets=', at)) return true;
      tuple.packets = readNumber(line, at + 8, end, MAX_COUNT);
      return tuple.packets >= 0;
    case B:
      if (!line.startsWith('bytes=', at)) return true;
      tuple.bytes = readNumber(line, at + 6, end, MAX_COUNT);
      return tuple.bytes >= 0;
    case T:
      if (line.startsWith('type=', at)) tuple.dport = readNumber(line, at + 5, end, 255);
      return true;
    case I:
      if (line.startsWith('id=', at)) tuple.sport = readNumber(line, at + 3, end, MAX_PORT);
      return true;
    default:
      return true;
  }
}

function close({ src, dst, sport, dport, packets, bytes }: OpenTuple): Tuple | undefined {
  if (src === '' || dst === '' || sport < 0 || dport < 0) return undefined;
  return { src, dst, sport, dport, counts: packets < 0 || bytes < 0 ? undefined : { packets, bytes } };
}

/**
 * A decimal number of the kernel's (64 bits). A count that is beyond what a double holds exactly is held to that;
 * anything else beyond `most`, or no number at all, is −1.
 */
function readNumber(text: string, from: number, end: number, most: number): number {
  if (end <= from || end - from > 20) return -1;
  let value = 0;
  for (let at = from; at < end; at++) {
    const digit = text.charCodeAt(at) - 48;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  if (value <= most) return value;
  return most === MAX_COUNT ? most : -1;
}
