import { isSpecial } from '../../policy/address.ts';
import type { Address } from '../../policy/block-set.ts';
import type { ConntrackEntry } from '../observe/conntrack.ts';
import type { Packet } from '../observe/packet.ts';
import { type Ends, endsOf, type Places } from './ends.ts';
import type { Sighting } from './flow.ts';
import { connectionOf, icmpType, isDiscovery, type Opening } from './initiator.ts';

/** News of packets, with the addresses of the device and of the other node: they may have several. */
export type OnPacketNews = (news: Sighting, near: Address, far: Address) => void;

export interface PacketTallyOptions {
  /** Connections that are followed at a time; default 65,536. When full, some go that were quiet. */
  readonly maxConnections?: number;
  /** A connection ends that had no packet for more than so many sweeps; default 5. */
  readonly idleSweeps?: number;
}

interface Connection {
  readonly key: string;
  readonly protocol: number;
  readonly initiator: Address;
  readonly responder: Address;
  readonly initiatorPort: number;
  readonly responderPort: number;
  /** Undefined while an end is in the LAN and its MAC is not known. */
  ends: Ends | undefined;
  near: Address;
  far: Address;
  /** What has to be asked for its ends again; undefined when they are known. */
  entry: ConntrackEntry | undefined;
  /** What waits for the ends to be known, by direction. */
  readonly sent: Sum;
  readonly answered: Sum;
  sweep: number;
}

interface Sum {
  packets: number;
  bytes: number;
}

/**
 * Turns packets into news about flows where no kernel follows connections: of captures and of the external source. A
 * connection stays with the nodes that it was first attributed to. Packets whose device is not known yet wait, as sums
 * of their connection, until it is.
 */
export class PacketTally {
  readonly #places: Places;
  readonly #onNews: OnPacketNews;
  readonly #maxConnections: number;
  readonly #idleSweeps: number;
  readonly #connections = new Map<string, Connection>();
  /** Connections that had a packet a moment ago, by their ports: to find one by its key costs most of all. */
  readonly #recent: (Connection | undefined)[] = new Array(SLOTS).fill(undefined);
  #sweep = 0;
  /**
   * Packets: all, those that became news, and those that did not, by the reasons of NoEnds (`unknown`: waited in vain).
   * `dropped`: connections given up for others; what goes on of them is counted as new ones.
   */
  readonly counters = { packets: 0, counted: 0, router: 0, special: 0, full: 0, unknown: 0, dropped: 0 };

  constructor(places: Places, onNews: OnPacketNews, options: PacketTallyOptions = {}) {
    this.#places = places;
    this.#onNews = onNews;
    this.#maxConnections = options.maxConnections ?? 65_536;
    this.#idleSweeps = options.idleSweeps ?? 5;
  }

  /** Connections that are followed now. */
  get size(): number {
    return this.#connections.size;
  }

  /** Counts a packet. `opening`: its place in its connection, where that is known (see initiator.ts). */
  sees(packet: Packet, opening?: Opening): void {
    this.counters.packets += packet.packets;
    const connection = this.#find(packet);
    if (connection === undefined) this.#open(packet, opening);
    else this.#add(connection, packet);
  }

  /** One round of ageing, and of asking for devices that were not known: to be called about once a minute. */
  sweep(): void {
    this.#sweep += 1;
    for (const connection of this.#connections.values()) {
      if (connection.ends === undefined && !this.#attribute(connection)) continue;
      if (this.#sweep - connection.sweep > this.#idleSweeps) this.#close(connection);
    }
  }

  /** No more packets come: all connections end. */
  finish(): void {
    for (const connection of this.#connections.values()) {
      if (connection.ends === undefined && !this.#attribute(connection)) continue;
      this.#close(connection);
    }
  }

  #find(packet: Packet): Connection | undefined {
    if (packet.sport === 0) return this.#connections.get(keyOf(packet));
    const slot = (packet.sport ^ packet.dport) % SLOTS;
    const recent = this.#recent[slot];
    if (recent !== undefined && isOf(recent, packet)) return recent;
    const found = this.#connections.get(keyOf(packet));
    if (found !== undefined) this.#recent[slot] = found;
    return found;
  }

  #add(connection: Connection, { src, packets, bytes }: Packet): void {
    connection.sweep = this.#sweep;
    const sent = src === connection.initiator;
    if (connection.ends === undefined) {
      const sum = sent ? connection.sent : connection.answered;
      sum.packets += packets;
      sum.bytes += bytes;
      this.#attribute(connection);
    } else {
      const counts = { packets, bytes };
      this.#tell(connection, connection.ends, sent ? counts : NONE, sent ? NONE : counts, 0);
    }
  }

  #open(packet: Packet, opening: Opening | undefined): void {
    const { packets, bytes } = packet;
    if (isSpecial(packet.src) || isSpecial(packet.dst) || isDiscovery(packet)) {
      this.counters.special += packets;
      return;
    }
    const entry = connectionOf(packet, opening);
    const ends = endsOf(entry, this.#places);
    if (typeof ends === 'string' && ends !== 'unknown') {
      this.counters[ends] += packets;
      return;
    }
    if (this.#connections.size >= this.#maxConnections) this.#makeRoom();
    const { src, dst, sport, dport } = entry.original;
    const sent = packet.src === src;
    const connection: Connection = {
      key: keyOf(packet),
      protocol: entry.protocol,
      initiator: src,
      responder: dst,
      initiatorPort: sport,
      responderPort: dport,
      ends: undefined,
      near: '',
      far: '',
      entry,
      sent: { packets: sent ? packets : 0, bytes: sent ? bytes : 0 },
      answered: { packets: sent ? 0 : packets, bytes: sent ? 0 : bytes },
      sweep: this.#sweep,
    };
    this.#connections.set(connection.key, connection);
    if (ends !== 'unknown') this.#begin(connection, entry, ends);
  }

  /** Finds whose the connection is, and tells what has waited for that. False when it turned out to be no device's. */
  #attribute(connection: Connection): boolean {
    const { entry, sent, answered } = connection;
    const ends = entry === undefined ? 'unknown' : endsOf(entry, this.#places);
    if (entry === undefined || ends === 'unknown') return true;
    if (typeof ends === 'string') {
      this.counters[ends] += sent.packets + answered.packets;
      this.#forget(connection);
      return false;
    }
    this.#begin(connection, entry, ends);
    return true;
  }

  #begin(connection: Connection, { original: { src, dst } }: ConntrackEntry, ends: Ends): void {
    [connection.near, connection.far] = ends.outward ? [src, dst] : [dst, src];
    connection.ends = ends;
    connection.entry = undefined;
    this.#tell(connection, ends, { ...connection.sent }, { ...connection.answered }, 1);
  }

  #tell(
    { protocol, near, far }: Connection,
    ends: Ends,
    sent: Sum,
    answered: Sum,
    entries: -1 | 0 | 1,
  ): void {
    const { device, other, otherIsDevice, port, outward } = ends;
    const [up, down] = outward ? [sent, answered] : [answered, sent];
    this.counters.counted += sent.packets + answered.packets;
    this.#onNews(
      { device, other, otherIsDevice, protocol, port, up, down, entries, offloaded: false },
      near,
      far,
    );
  }

  #forget(connection: Connection): void {
    this.#connections.delete(connection.key);
    const slot = (connection.initiatorPort ^ connection.responderPort) % SLOTS;
    if (this.#recent[slot] === connection) this.#recent[slot] = undefined;
  }

  #close(connection: Connection): void {
    this.#forget(connection);
    const { ends, sent, answered } = connection;
    if (ends === undefined) this.counters.unknown += sent.packets + answered.packets;
    else this.#tell(connection, ends, NONE, NONE, -1);
  }

  /** A sixteenth goes, of those that were quiet since the last sweep first, then of the oldest. */
  #makeRoom(): void {
    let wanted = Math.ceil(this.#maxConnections / 16);
    this.counters.dropped += wanted;
    for (const connection of this.#connections.values()) {
      if (wanted === 0) return;
      if (connection.sweep === this.#sweep) continue;
      this.#close(connection);
      wanted -= 1;
    }
    for (const connection of this.#connections.values()) {
      if (wanted-- === 0) return;
      this.#close(connection);
    }
  }
}

const SLOTS = 1_024;
const NONE: Sum = { packets: 0, bytes: 0 };

/** For packets with ports. */
function isOf(connection: Connection, { protocol, src, dst, sport, dport }: Packet): boolean {
  const { initiator, responder, initiatorPort, responderPort } = connection;
  if (protocol !== connection.protocol) return false;
  return src === initiator
    ? dst === responder && sport === initiatorPort && dport === responderPort
    : src === responder && dst === initiator && sport === responderPort && dport === initiatorPort;
}

/** The same for both directions. */
function keyOf(packet: Packet): string {
  const { protocol, src, dst } = packet;
  const type = icmpType(packet);
  const [sport, dport] = type === undefined ? [packet.sport, packet.dport] : [type, type];
  return src < dst || (src === dst && sport < dport)
    ? `${protocol} ${src} ${sport} ${dst} ${dport}`
    : `${protocol} ${dst} ${dport} ${src} ${sport}`;
}
