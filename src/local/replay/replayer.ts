import type { Address, Mac, NodeId, Prefix } from '../../policy/block-set.ts';
import type { Flow, Sighting } from '../flows/flow.ts';
import type { FlowTable } from '../flows/flow-table.ts';
import { openingOf } from '../flows/initiator.ts';
import { PacketTally } from '../flows/packet-tally.ts';
import type { NodeCache } from '../nodes/node-cache.ts';
import { parseDnsQuestion } from '../observe/dns.ts';
import { parseFrame } from '../observe/frame.ts';
import { type FrameCounters, FrameStreams } from '../observe/frame-facts.ts';
import { type Interfaces, noInterfaces, sameInterfaces } from '../observe/interfaces.ts';
import { LanGate } from '../observe/lan-gate.ts';
import type { ReadPacket } from '../observe/packet-reader.ts';
import type { CapturedFrame } from '../observe/pcap.ts';
import type { Reading } from '../observe/seen.ts';
import { AskedNames } from './asked-names.ts';
import { hear, isDns, type ReadCapture, readCaptured } from './frames.ts';
import { CAPTURE, deduceLan } from './lan-finder.ts';
import type { PacketClock } from './packet-clock.ts';
import { Partners } from './partners.ts';
import { Presences } from './presences.ts';
import type { Stations } from './stations.ts';
import type { Trial } from './trial.ts';

export interface ReplayerOptions {
  readonly clock: PacketClock;
  readonly cache: NodeCache;
  readonly flows: FlowTable;
  /** What the survey has heard; what is new is added. */
  readonly stations: Stations;
  /** The LAN's prefixes when a person has named them. */
  readonly lan: readonly Prefix[] | undefined;
  readonly trial: Trial | undefined;
  /** Also read the names that clients give to servers of TLS. */
  readonly sni: boolean;
}

/** Frames that are no device's traffic, by reason. */
export interface Left {
  /** No IP packet in it: ARP, 802.1X, spanning tree …; of ARP and the like what they tell was read. */
  notIp: number;
  /** Cut short or malformed. */
  damaged: number;
  /** A kind of link that is not read. */
  link: number;
  /** To everybody on the segment, at an address of it. */
  broadcast: number;
  /** Packets of a capture that does not tell the MACs: devices are known by these. */
  noMac: number;
}

const ETHERNET = 1;
const TCP = 6;
/** After so many sweeps without a packet nothing is left to age. */
const MAX_SWEEPS = 64;
/** A binding is confirmed once in this time, milliseconds. */
const CONFIRM_MS = 60_000;
const MAX_BOUND = 65_536;
/** The survey may have missed routers; it is thought over after so many frames for each station. */
const FRAMES_PER_STATION = 16;

/**
 * The path of an agent for the frames of a capture: readings through the gate into the node cache, packets into flows, ageing
 * by the time of the packets. Enforces nothing.
 */
export class Replayer {
  readonly partners: Partners;
  readonly asked = new AskedNames();
  readonly presences = new Presences();
  readonly tally: PacketTally;
  readonly left: Left = { notIp: 0, damaged: 0, link: 0, broadcast: 0, noMac: 0 };
  readonly counters: FrameCounters = { frames: 0, ignored: 0, answers: 0 };
  /** Frames, and bytes of them on the wire, all in all. */
  readonly frames = { frames: 0, bytes: 0 };
  readonly #options: ReplayerOptions;
  readonly #gate = new LanGate();
  readonly #streams: FrameStreams;
  /** Whose an address is, and when that was last told to the cache. */
  readonly #bound = new Map<Address, { mac: Mac; at: number }>();
  readonly #devices = new Set<NodeId>();
  #interfaces = noInterfaces;
  #heard = -1;
  #lookAt = 0;
  #sweptAt = 0;

  constructor(options: ReplayerOptions) {
    this.#options = options;
    const { cache, sni } = options;
    this.#streams = new FrameStreams({ sni });
    this.partners = new Partners((address) => cache.domainsOf(address));
    this.tally = new PacketTally(
      {
        isOwn: (address) => this.#interfaces.addresses.has(address),
        isLan: (address) => this.#gate.isInside(address),
        deviceAt: (address) => cache.deviceByAddress(undefined, address),
        remoteAt: (address) => cache.noteRemote(address),
      },
      (news, near, far) => this.#sees(news, near, far),
    );
    this.#look();
  }

  /** What is taken for the router's interfaces now. */
  get interfaces(): Interfaces {
    return this.#interfaces;
  }

  /** Captured on several interfaces of a router at once: what passed more than one of them is there more than once. */
  get severalInterfaces(): boolean {
    const { macs } = this.#interfaces;
    return [...this.#options.stations.all()].some(({ captures, mac }) => captures && macs.has(mac));
  }

  take(frame: CapturedFrame): void {
    const { clock, stations } = this.#options;
    clock.reach(frame.at);
    this.frames.frames += 1;
    this.frames.bytes += frame.length;
    this.#sweep();
    const read = readCaptured(frame, this.counters, this.#streams);
    const packet = typeof read.packet === 'string' ? undefined : read.packet;
    if (packet === undefined || !this.#isBound(packet) || read.readings.length > 0) hear(stations, read);
    if (stations.version !== this.#heard && this.frames.frames >= this.#lookAt) this.#look();
    this.#place(read);
    for (const reading of read.readings) this.#takeReading(reading);
    if (packet === undefined) this.#leave(read);
    else {
      if (isDns(packet)) this.#takeQuestion(frame, packet);
      this.#count(packet, frame.linkType);
    }
  }

  /** The capture has ended. */
  finish(): void {
    this.#look();
    this.tally.finish();
  }

  /** The flows that have not aged away. */
  flows(): Iterable<Flow> {
    return this.#options.flows.flows();
  }

  #look(): void {
    const { stations, lan, cache } = this.#options;
    this.#heard = stations.version;
    this.#lookAt = this.frames.frames + FRAMES_PER_STATION * stations.size;
    const found = deduceLan(stations, lan);
    if (sameInterfaces(found, this.#interfaces)) return;
    this.#interfaces = found;
    this.#gate.set(found);
    cache.forget(found.macs);
    this.#bound.clear();
  }

  #sweep(): void {
    const { clock, flows, cache } = this.#options;
    const rounds = Math.floor((clock.monotonic() - this.#sweptAt) / flows.flowTimeMs);
    if (rounds <= 0) return;
    this.#sweptAt += rounds * flows.flowTimeMs;
    for (let round = 0; round < Math.min(rounds, MAX_SWEEPS); round++) {
      this.tally.sweep();
      flows.sweep();
    }
    // The summary is of the whole capture: no device of it is forgotten.
    cache.sweep((id) => flows.holds(id) || this.#devices.has(id));
  }

  #isBound({ packet, source, target }: ReadPacket): boolean {
    const known = (address: Address, mac: Mac | undefined) =>
      mac === undefined || this.#bound.get(address)?.mac === mac;
    return source !== undefined && known(packet.src, source) && known(packet.dst, target);
  }

  /** Tells the cache whose the addresses of a frame are. */
  #place({ source, vlan, packet: read }: ReadCapture): void {
    const now = this.#options.clock.now();
    if (source !== undefined) this.presences.seen(source, now);
    if (typeof read === 'string') {
      if (source !== undefined && this.presences.isNew(source)) this.#bind(source, '0.0.0.0', vlan, true);
      return;
    }
    const { src, dst } = read.packet;
    if (source !== undefined) this.#bind(source, src, vlan, true);
    // Whoever is sent to over this segment has the address, unless a router passes it on.
    const { target } = read;
    if (target === undefined || this.#bound.get(dst)?.mac === target) return;
    if (this.#gate.isInside(dst)) this.#bind(target, dst, vlan, false);
  }

  #bind(mac: Mac, address: Address, vlan: number | undefined, fresh: boolean): void {
    const now = this.#options.clock.monotonic();
    const known = this.#bound.get(address);
    if (known?.mac === mac && now - known.at < CONFIRM_MS) return;
    if (!fresh && known !== undefined) return;
    if (this.#bound.size >= MAX_BOUND) this.#bound.clear();
    this.#bound.set(address, { mac, at: now });
    this.presences.spoke(mac, address, this.#options.clock.now());
    this.#takeReading({ kind: 'seen', interface: CAPTURE, vlan, address, mac, present: true, fresh });
    const device = this.#options.cache.deviceByMac(mac);
    if (device !== undefined) this.#devices.add(device);
  }

  #takeReading(reading: Reading): void {
    const { cache } = this.#options;
    if (reading.kind === 'answer' && reading.client !== undefined && reading.source !== 'sni') {
      const device = cache.deviceByAddress(undefined, reading.client);
      if (device !== undefined) this.asked.told(device, reading.domain, reading.addresses);
    }
    const fact = this.#gate.admit(reading);
    if (fact !== undefined) cache.apply(fact);
  }

  #takeQuestion({ bytes, linkType }: CapturedFrame, { packet }: ReadPacket): void {
    const device = this.#options.cache.deviceByAddress(undefined, packet.src);
    const frame = device === undefined ? 'protocol' : parseFrame(bytes, linkType);
    if (device === undefined || typeof frame === 'string' || !('payload' in frame)) return;
    // Over TCP two bytes of length come first (RFC 1035, 4.2.2); a question is in one segment.
    const question = parseDnsQuestion(frame.payload.subarray(packet.protocol === TCP ? 2 : 0));
    if (typeof question === 'object' && question.asks) this.asked.asks(device, question.domain);
  }

  #leave({ packet }: ReadCapture): void {
    if (packet === 'link') this.left.link += 1;
    else if (packet === 'short' || packet === 'extensions') this.left.damaged += 1;
    else this.left.notIp += 1;
  }

  #count(read: ReadPacket, linkType: number): void {
    const { packet, source, target, flags } = read;
    const { trial } = this.#options;
    if (source === undefined && target === undefined && linkType !== ETHERNET) {
      this.left.noMac += 1;
      return;
    }
    const forAll = linkType === ETHERNET && target === undefined;
    if (forAll && this.#gate.isInside(packet.dst)) {
      this.left.broadcast += 1;
      return;
    }
    if (trial !== undefined && !forAll) {
      const { macs } = this.#interfaces;
      const direct = source !== undefined && target !== undefined && !macs.has(source) && !macs.has(target);
      trial.sees(packet, source, !direct);
    }
    this.tally.sees(packet, openingOf(flags));
  }

  #sees(news: Sighting, near: Address, far: Address): void {
    this.#options.flows.sees(news);
    this.partners.sees(news, far);
    if (!news.otherIsDevice) return;
    const mirrored = { ...news, device: news.other, other: news.device, up: news.down, down: news.up };
    this.partners.sees(mirrored, near);
  }
}
