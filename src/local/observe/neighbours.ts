import { canonicalAddress, canonicalMac } from '../../policy/address.ts';
import type { Address, Mac } from '../../policy/block-set.ts';
import { ownText } from './facts.ts';

/** One line of the kernel's neighbour table, or of news about it. */
export interface NeighbourEntry {
  readonly address: Address;
  readonly interface: string;
  /** Absent when the kernel does not know it (yet, or any more). */
  readonly mac: Mac | undefined;
  /** `confirmed`: it answered lately; `stale`: it once did; `gone`: it does not answer, or the entry was deleted. */
  readonly state: 'confirmed' | 'stale' | 'gone';
}

const CONFIRMED = new Set(['REACHABLE', 'PERMANENT']);
/** What was used again (DELAY) or is asked whether it is there (PROBE) has not answered: of a device that left it says both. */
const STALE = new Set(['STALE', 'DELAY', 'PROBE']);
const GONE = new Set(['FAILED', 'INCOMPLETE', 'NONE']);
/** What may stand in front of a line: labels, time stamps of `ip -t`/`-ts monitor`, deletion. */
const BEFORE = /^(?:\[NEIGH\]|Timestamp:.*usec|\[[\d\-T:.]+\]|\s)+/;
const MAX_LINE = 512;

/**
 * A line of `ip neigh show` (iproute2 or BusyBox) or `ip monitor neigh` (ip-neighbour(8)). Undefined for anything else,
 * for NOARP entries (multicast and point-to-point) and proxies.
 */
export function parseNeighbourLine(line: string): NeighbourEntry | undefined {
  if (line.length > MAX_LINE) return undefined;
  const words = line.replace(BEFORE, '').trim().split(/\s+/);
  const deleted = words[0] === 'Deleted';
  if (deleted) words.shift();
  const [text = '', dev, name = ''] = words;
  const address = canonicalAddress(text);
  if (address === undefined || dev !== 'dev' || name === '' || words.includes('proxy')) return undefined;
  const at = words.indexOf('lladdr', 3);
  const mac = at < 0 ? undefined : canonicalMac(words[at + 1] ?? '');
  const state = words.slice(3).findLast((word) => CONFIRMED.has(word) || GONE.has(word) || STALE.has(word));
  if (state === undefined && !deleted) return undefined;
  const gone = deleted || mac === undefined || (state !== undefined && GONE.has(state));
  return {
    address: ownText(address),
    interface: ownText(name),
    mac: mac === undefined ? undefined : ownText(mac),
    state: gone ? 'gone' : state !== undefined && CONFIRMED.has(state) ? 'confirmed' : 'stale',
  };
}

/** A line of /proc/net/arp (proc_net(5)); its table knows no staleness. Undefined for the heading and anything else. */
export function parseArpLine(line: string): NeighbourEntry | undefined {
  if (line.length > MAX_LINE) return undefined;
  const [text = '', type, flags = '', hardware = '', , name = ''] = line.trim().split(/\s+/);
  const address = canonicalAddress(text);
  if (address === undefined || type !== '0x1' || !/^0x[0-9a-f]{1,4}$/.test(flags) || name === '') {
    return undefined;
  }
  const mac = canonicalMac(hardware);
  // ATF_COM: the entry is complete (linux/if_arp.h).
  const complete = mac !== undefined && (Number.parseInt(flags, 16) & 0x2) !== 0;
  return {
    address: ownText(address),
    interface: ownText(name),
    mac: mac === undefined ? undefined : ownText(mac),
    state: complete ? 'stale' : 'gone',
  };
}
