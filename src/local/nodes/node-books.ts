import type { Address, Mac, NodeId } from '../../policy/block-set.ts';
import type { Crypto } from '../../policy/crypto.ts';
import type { Descriptor } from '../../policy/descriptor.ts';
import { addressNodeId, deviceId, domainNodeId, type HomeId } from '../../policy/identity.ts';
import { type Device, DeviceBook, describeDevice } from './device-book.ts';
import { addName, restoreNames, WaitingNames } from './names.ts';
import type { Lifetime } from './node-memory.ts';
import type { GoneWhy } from './node-news.ts';
import { describeRemote, type Remote, RemoteBook } from './remote-book.ts';

export interface NodeBooksOptions {
  readonly home: HomeId;
  readonly crypto: Crypto;
  readonly caps: { devices: number; remotes: number; deviceAddresses: number; remoteAddresses: number };
  /** Nodes that are not given up for want of room. */
  readonly kept: (id: NodeId) => boolean;
  readonly onRemoved: (id: NodeId, device: boolean, why: GoneWhy) => void;
}

/** The devices and the remotes: how one comes to be, and how one of before a restart is taken up again. */
export class NodeBooks {
  readonly devices: DeviceBook;
  readonly remotes: RemoteBook;
  readonly waitingNames = new WaitingNames();
  readonly #options: NodeBooksOptions;

  constructor(options: NodeBooksOptions) {
    this.#options = options;
    const { caps, onRemoved } = options;
    this.devices = new DeviceBook({ devices: caps.devices, addresses: caps.deviceAddresses }, (id, why) =>
      onRemoved(id, true, why),
    );
    this.remotes = new RemoteBook({ remotes: caps.remotes, addresses: caps.remoteAddresses }, (id, why) =>
      onRemoved(id, false, why),
    );
  }

  descriptor(id: NodeId): Descriptor | undefined {
    const device = this.devices.byId(id);
    if (device !== undefined) return describeDevice(device);
    const remote = this.remotes.byId(id);
    return remote === undefined ? undefined : describeRemote(remote);
  }

  /** Undefined when there is no room. */
  addDevice(mac: Mac, now: number): Device | undefined {
    const { crypto, home, kept } = this.#options;
    const device = this.devices.add(deviceId(crypto, home, mac), mac, now, kept);
    if (device === undefined) return undefined;
    const waiting = this.waitingNames.take(mac);
    if (waiting !== undefined) addName(device.names, waiting);
    return device;
  }

  /** Undefined when there is no room. */
  addRemote(key: { domain: string } | { address: Address }, now: number): Remote | undefined {
    const { crypto, home, kept } = this.#options;
    const id =
      'domain' in key ? domainNodeId(crypto, home, key.domain) : addressNodeId(crypto, home, key.address);
    return this.remotes.add(id, key, now, kept);
  }

  /**
   * Takes up what was known before a restart; answers which nodes it has changed. Bindings count as just seen and as
   * remembered, and take nothing from what is here.
   */
  restore({ device, macs, addresses, domains, names }: Descriptor, life: Lifetime, now: number): NodeId[] {
    const [mac] = macs;
    const [domain] = domains;
    if (device) return mac === undefined ? [] : this.#restoreDevice(mac, addresses, names, life, now);
    if (domain !== undefined) {
      const known = this.remotes.byKey(domain) ?? this.addRemote({ domain }, now);
      if (known === undefined) return [];
      for (const { address } of addresses) this.remotes.bind(known, address, now);
      return [known.id];
    }
    const [first] = addresses;
    if (first === undefined) return [];
    const { address } = first;
    const known = this.remotes.byKey(address) ?? this.addRemote({ address }, now);
    return known === undefined ? [] : [known.id];
  }

  #restoreDevice(
    mac: Mac,
    addresses: Descriptor['addresses'],
    names: readonly string[],
    life: Lifetime,
    now: number,
  ): NodeId[] {
    const known = this.devices.byMac(mac) ?? this.addDevice(mac, now);
    if (known === undefined) return [];
    const changed = [known.id];
    known.before = { first: known.before.first ?? life.first, last: known.before.last ?? life.last };
    restoreNames(known.names, names);
    for (const { address, segment } of addresses) {
      if (segment === undefined || this.devices.owner(segment, address) !== undefined) continue;
      for (const { id } of this.devices.bind(known, segment, address, now, true)) changed.push(id);
    }
    return changed;
  }
}
