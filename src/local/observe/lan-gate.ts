import { PrefixSet } from '../../policy/address.ts';
import type { Address, Mac } from '../../policy/block-set.ts';
import type { Fact } from './facts.ts';
import { type Interfaces, noInterfaces } from './interfaces.ts';
import type { Reading, Seen } from './seen.ts';

const MAX_NEXT_HOP_MACS = 256;
const MAX_ANSWERS = 16_384;
const LINK_LOCAL = new PrefixSet(['fe80::/10']);

export interface GateCounters {
  /** On an interface that is not LAN. */
  elsewhere: number;
  /** The router itself, a next hop, or another router of the home. */
  router: number;
  /** Senders of packets that come from beyond the segment. */
  beyond: number;
  /** Answers whose addresses are all of the LAN or the router itself: the names of devices are not remotes. */
  inside: number;
}

/** Between the readers and the node cache: lets through what is of the LAN, and names its segment. */
export class LanGate {
  #interfaces = noInterfaces;
  #segments = new Map<string, string>();
  #onLink = new Map<string, PrefixSet>();
  #inside = new PrefixSet([]);
  /** What was answered before, for it is asked of every connection. */
  readonly #answers = new Map<Address, boolean>();
  #excluded: ReadonlySet<Mac> = new Set();
  readonly #nextHopMacs = new Map<Mac, Address>();
  readonly #onRouter: (mac: Mac) => void;
  readonly counters: GateCounters = { elsewhere: 0, router: 0, beyond: 0, inside: 0 };

  /** `onRouter`: told once of every MAC that turns out to be of this router or a next hop: it may be taken for a device. */
  constructor(onRouter: (mac: Mac) => void = () => undefined) {
    this.#onRouter = onRouter;
  }

  set(interfaces: Interfaces): void {
    const before = this.#interfaces;
    this.#interfaces = interfaces;
    this.#segments = new Map(interfaces.lan.map(({ name, segment }) => [name, segment]));
    this.#onLink = new Map(interfaces.lan.map(({ name, prefixes }) => [name, new PrefixSet(prefixes)]));
    this.#inside = new PrefixSet(interfaces.lanPrefixes);
    this.#answers.clear();
    for (const [mac, hop] of this.#nextHopMacs) {
      if (!interfaces.nextHops.has(hop)) this.#nextHopMacs.delete(mac);
    }
    for (const mac of interfaces.macs) if (!before.macs.has(mac)) this.#onRouter(mac);
  }

  /** The MACs of the other routers of the home: never devices. */
  exclude(macs: ReadonlySet<Mac>): void {
    this.#excluded = macs;
  }

  /** The facts in a whole reading: its next hops are known before the first of them is judged. */
  admitAll(readings: readonly Reading[]): Fact[] {
    for (const reading of readings) if (reading.kind === 'seen') this.#noteNextHop(reading);
    return readings.map((reading) => this.admit(reading)).filter((fact) => fact !== undefined);
  }

  /** The fact in a reading; undefined when it is not about the LAN. */
  admit(reading: Reading): Fact | undefined {
    if (reading.kind === 'seen') return this.#neighbour(reading);
    if (reading.kind === 'hostName') {
      return this.#isRouter(reading.mac) ? undefined : reading;
    }
    const addresses = reading.addresses.filter((address) => !this.isInside(address));
    if (addresses.length === reading.addresses.length) return reading;
    if (addresses.length > 0) return { ...reading, addresses };
    this.counters.inside += 1;
    return undefined;
  }

  /** True for addresses of this router and of its LAN prefixes. */
  isInside(address: Address): boolean {
    let inside = this.#answers.get(address);
    if (inside !== undefined) return inside;
    inside = this.#interfaces.addresses.has(address) || this.#inside.has(address);
    if (this.#answers.size >= MAX_ANSWERS) this.#answers.clear();
    this.#answers.set(address, inside);
    return inside;
  }

  #neighbour(seen: Seen): Fact | undefined {
    const { address, mac } = seen;
    const { nextHops, addresses } = this.#interfaces;
    this.#noteNextHop(seen);
    const segment = this.#segments.get(seen.interface);
    if (segment === undefined) {
      this.counters.elsewhere += 1;
      return undefined;
    }
    if (this.#isRouter(mac) || addresses.has(address) || nextHops.has(address)) {
      this.counters.router += 1;
      return undefined;
    }
    if (seen.routed === true && !this.#isOnLink(seen)) {
      this.counters.beyond += 1;
      return undefined;
    }
    return {
      kind: 'neighbour',
      segment: seen.vlan === undefined ? segment : `${segment}/${seen.vlan}`,
      interface: seen.interface,
      address,
      mac,
      present: seen.present,
      fresh: seen.fresh,
      stale: seen.stale,
    };
  }

  #noteNextHop({ address, mac, present }: Seen): void {
    if (!present || !this.#interfaces.nextHops.has(address)) return;
    const known = this.#nextHopMacs.has(mac);
    if (!known && this.#nextHopMacs.size >= MAX_NEXT_HOP_MACS) return;
    this.#nextHopMacs.set(mac, address);
    if (!known) this.#onRouter(mac);
  }

  #isRouter(mac: Mac): boolean {
    return this.#interfaces.macs.has(mac) || this.#nextHopMacs.has(mac) || this.#excluded.has(mac);
  }

  /** The prefix of a tagged frame is that of the VLAN interface, which need not be known here: any LAN prefix will do. */
  #isOnLink({ interface: name, vlan, address }: Seen): boolean {
    if (LINK_LOCAL.has(address)) return true;
    return vlan === undefined ? this.#onLink.get(name)?.has(address) === true : this.#inside.has(address);
  }
}
