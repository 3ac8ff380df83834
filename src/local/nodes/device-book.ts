import type { Address, Mac, NodeId } from '../../policy/block-set.ts';
import type { Binding, Descriptor } from '../../policy/descriptor.ts';
import { type Names, namesOf } from './names.ts';
import type { Lifetime } from './node-memory.ts';
import type { GoneWhy } from './node-news.ts';

/** An address of a device on a segment. */
export interface Bound {
  /** When it was last seen or, of what is remembered, when it was restored. */
  seen: number;
  /** Of before a restart, and not seen since: gives way to any fact. */
  remembered: boolean;
}

/** One device as this router knows it. Times are monotonic milliseconds. */
export interface Device {
  readonly id: NodeId;
  readonly mac: Mac;
  readonly names: Names;
  /** Segment → address → binding. */
  readonly bindings: Map<string, Map<Address, Bound>>;
  /** When it was last seen or, if it was not since the start, when it was restored. */
  seen: number;
  /** When it was first seen since the start. */
  heard: number | undefined;
  /** When something was last learnt from itself, not from what the kernel remembers of it. */
  learnt: number | undefined;
  /** What earlier runs knew. */
  before: Lifetime;
}

export interface DeviceCaps {
  devices: number;
  /** Addresses per device and segment; the newest stay. */
  addresses: number;
}

export interface BookCounters {
  /** Nodes given up for newer ones, or not taken in because every kept one is referred to. */
  evicted: number;
  refused: number;
  /** Addresses given up because a node had too many. */
  addressesDropped: number;
}

const MAX_SEGMENTS = 64;

/**
 * The devices by MAC, and whose an address is on a segment: the newest binding wins and the old owner loses it at
 * once. In order of last seen, so that what has to go is found at the front.
 */
export class DeviceBook {
  readonly #caps: DeviceCaps;
  readonly #onRemoved: (id: NodeId, why: GoneWhy) => void;
  readonly #byMac = new Map<Mac, Device>();
  readonly #byId = new Map<NodeId, Device>();
  /** Address → segment → its owner there. */
  readonly #owners = new Map<Address, Map<string, Device>>();
  readonly counters: BookCounters = { evicted: 0, refused: 0, addressesDropped: 0 };

  /** `onRemoved`: told of every device that goes. */
  constructor(caps: DeviceCaps, onRemoved: (id: NodeId, why: GoneWhy) => void = () => undefined) {
    this.#caps = caps;
    this.#onRemoved = onRemoved;
  }

  get size(): number {
    return this.#byMac.size;
  }

  byMac(mac: Mac): Device | undefined {
    return this.#byMac.get(mac);
  }

  byId(id: NodeId): Device | undefined {
    return this.#byId.get(id);
  }

  all(): IterableIterator<Device> {
    return this.#byMac.values();
  }

  owner(segment: string, address: Address): Device | undefined {
    return this.#owners.get(address)?.get(segment);
  }

  /** The owner on any segment: of several, the one seen there last. */
  anyOwner(address: Address): Device | undefined {
    // Asked twice for each connection that begins, and mostly of an address that is nobody's.
    const owners = this.#owners.get(address);
    if (owners === undefined) return undefined;
    let best: Device | undefined;
    let seen = -Infinity;
    for (const [segment, device] of owners) {
      const when = device.bindings.get(segment)?.get(address)?.seen ?? -Infinity;
      if (when >= seen) [best, seen] = [device, when];
    }
    return best;
  }

  /** Whether the address is its owner's by memory alone, or has no owner. */
  isFree(segment: string, address: Address): boolean {
    return this.owner(segment, address)?.bindings.get(segment)?.get(address)?.remembered !== false;
  }

  /** A new device; undefined when there is no room and all that are kept are referred to. */
  add(id: NodeId, mac: Mac, now: number, kept: (id: NodeId) => boolean): Device | undefined {
    if (this.#byMac.size >= this.#caps.devices && !this.#evict(kept)) {
      this.counters.refused += 1;
      return undefined;
    }
    const device: Device = {
      id,
      mac,
      names: new Map(),
      bindings: new Map(),
      seen: now,
      heard: undefined,
      learnt: undefined,
      before: {},
    };
    this.#byMac.set(mac, device);
    this.#byId.set(id, device);
    return device;
  }

  /** It was seen; `fresh`: by what it said itself. */
  touch(device: Device, now: number, fresh = false): void {
    device.seen = now;
    device.heard ??= now;
    if (fresh) device.learnt = now;
    this.#toTheEnd(device);
  }

  /** Binds an address; answers whose bindings changed (the new owner's, the old owner's, or nobody's). */
  bind(device: Device, segment: string, address: Address, now: number, remembered = false): Device[] {
    const changed: Device[] = [];
    const before = this.owner(segment, address);
    if (before !== device) {
      if (before !== undefined) {
        this.unbind(before, segment, address);
        changed.push(before);
      }
      changed.push(device);
    }
    const addresses = device.bindings.get(segment) ?? new Map<Address, Bound>();
    if (addresses.size === 0) {
      if (device.bindings.size >= MAX_SEGMENTS) this.#dropOldestSegment(device);
      device.bindings.set(segment, addresses);
    }
    addresses.delete(address);
    addresses.set(address, { seen: now, remembered });
    const owners = this.#owners.get(address) ?? new Map<string, Device>();
    owners.set(segment, device);
    this.#owners.set(address, owners);
    if (addresses.size > this.#caps.addresses) {
      const [oldest] = addresses.keys();
      if (oldest !== undefined) this.unbind(device, segment, oldest);
      this.counters.addressesDropped += 1;
    }
    return changed;
  }

  unbind(device: Device, segment: string, address: Address): void {
    const addresses = device.bindings.get(segment);
    addresses?.delete(address);
    if (addresses?.size === 0) device.bindings.delete(segment);
    const owners = this.#owners.get(address);
    if (owners?.get(segment) === device) owners.delete(segment);
    if (owners?.size === 0) this.#owners.delete(address);
  }

  remove(device: Device, why: GoneWhy): void {
    for (const [segment, addresses] of [...device.bindings]) {
      for (const address of [...addresses.keys()]) this.unbind(device, segment, address);
    }
    this.#byMac.delete(device.mac);
    this.#byId.delete(device.id);
    this.#onRemoved(device.id, why);
  }

  /** Ends bindings last seen before `oldest`, and devices whose time is up; answers whose bindings ended. */
  expire(oldest: number, ends: (device: Device) => boolean): NodeId[] {
    const changed: NodeId[] = [];
    for (const device of [...this.#byMac.values()]) {
      const gone: [string, Address][] = [];
      for (const [segment, addresses] of device.bindings) {
        for (const [address, { seen }] of addresses) if (seen < oldest) gone.push([segment, address]);
      }
      for (const [segment, address] of gone) this.unbind(device, segment, address);
      if (ends(device)) this.remove(device, 'age');
      else if (gone.length > 0) changed.push(device.id);
    }
    return changed;
  }

  /** Makes room for some at once: to find the first of a map from which many were taken is slow. */
  #evict(kept: (id: NodeId) => boolean): boolean {
    const wanted = Math.ceil(this.#byMac.size / 100);
    let [found, left] = [0, this.#byMac.size];
    for (const device of this.#byMac.values()) {
      if (left-- === 0 || found === wanted) break;
      // To the back with what is kept, so that the next search does not pass it again.
      if (kept(device.id)) this.#toTheEnd(device);
      else {
        this.remove(device, 'room');
        found += 1;
      }
    }
    this.counters.evicted += found;
    return found > 0;
  }

  #toTheEnd(device: Device): void {
    this.#byMac.delete(device.mac);
    this.#byMac.set(device.mac, device);
  }

  #dropOldestSegment(device: Device): void {
    const [segment] = device.bindings.keys();
    if (segment === undefined) return;
    for (const address of [...(device.bindings.get(segment)?.keys() ?? [])]) {
      this.unbind(device, segment, address);
      this.counters.addressesDropped += 1;
    }
  }
}

export function describeDevice(device: Device): Descriptor {
  const addresses: Binding[] = [];
  for (const [segment, bound] of device.bindings) {
    for (const address of bound.keys()) addresses.push({ address, segment });
  }
  return {
    node: device.id,
    device: true,
    macs: [device.mac],
    addresses,
    domains: [],
    names: namesOf(device.names),
  };
}
