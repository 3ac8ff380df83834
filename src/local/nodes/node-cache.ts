import type { Clock } from '../../clock.ts';
import { isSpecial } from '../../policy/address.ts';
import type { Address, Mac, NodeId } from '../../policy/block-set.ts';
import type { Crypto } from '../../policy/crypto.ts';
import type { Descriptor } from '../../policy/descriptor.ts';
import { addressNodeId, deviceId, domainNodeId, type HomeId } from '../../policy/identity.ts';
import type { AnswerFact, Fact, HostNameFact, NeighbourFact } from '../observe/facts.ts';
import { ChangeNotice } from './change-notice.ts';
import { type BookCounters, type Device, DeviceBook, describeDevice } from './device-book.ts';
import { addName, restoreNames, WaitingNames } from './names.ts';
import { describeRemote, type Remote, RemoteBook } from './remote-book.ts';

export interface NodeCacheOptions {
  home: HomeId;
  crypto: Crypto;
  clock: Clock;
  /** Default 4,096 devices, 50,000 remotes, 64 addresses per device and segment, 256 per remote. */
  caps?: { devices?: number; remotes?: number; deviceAddresses?: number; remoteAddresses?: number };
  /** How long an address stays with a node after it was last seen there. Default 7 days. */
  bindingKeepMs?: number;
  /** How long a remote stays that nothing refers to and that has no flows. Default 30 minutes. */
  nodeKeepMs?: number;
  /** Told of a device never seen before, once, with its first address; not of one that was restored. */
  onNewDevice?: (device: Descriptor) => void;
}

const DAY = 24 * 60 * 60_000;
const NO_IDS: ReadonlySet<NodeId> = new Set();

/**
 * The nodes that this router knows, grown from facts (design: observation, "Node life"). A subscriber is told that
 * something changed and takes what it needs.
 */
export class NodeCache {
  readonly #options: NodeCacheOptions;
  readonly #devices: DeviceBook;
  readonly #remotes: RemoteBook;
  readonly #notice = new ChangeNotice();
  readonly #kept = (id: NodeId) => this.#referred.has(id);
  readonly #matters = (id: NodeId) => this.#referred.has(id) || this.#isOfInterest(id);
  readonly #waitingNames = new WaitingNames();
  #referred = NO_IDS;
  #interest: (domain: string, addresses: Iterable<Address>) => boolean = () => false;

  constructor(options: NodeCacheOptions) {
    this.#options = options;
    const {
      devices = 4_096,
      remotes = 50_000,
      deviceAddresses = 64,
      remoteAddresses = 256,
    } = options.caps ?? {};
    this.#devices = new DeviceBook({ devices, addresses: deviceAddresses });
    this.#remotes = new RemoteBook({ remotes, addresses: remoteAddresses });
  }

  /** Grows with every change of what this cache would answer; seeing the same again is no change. */
  get version(): number {
    return this.#notice.version;
  }

  /** Grows when an address of a node that is referred to comes or goes: block sets have to follow at once. */
  get bindingsVersion(): number {
    return this.#notice.bindingsVersion;
  }

  get counters(): { devices: BookCounters & { size: number }; remotes: BookCounters & { size: number } } {
    return {
      devices: { size: this.#devices.size, ...this.#devices.counters },
      remotes: { size: this.#remotes.size, ...this.#remotes.counters },
    };
  }

  /** Calls `listener` after each change, at once: it should only note that there was one. Answers how to end it. */
  watch(listener: () => void): () => void {
    return this.#notice.watch(listener);
  }

  apply(fact: Fact): void {
    if (fact.kind === 'neighbour') this.#neighbour(fact);
    else if (fact.kind === 'answer') this.#answer(fact);
    else this.#hostName(fact);
  }

  /**
   * The nodes that something refers to: these are neither aged out nor evicted (their addresses do age). `interest` tells of
   * a remote that is not among them yet whether it should be: its addresses matter as soon as they are known.
   */
  refer(
    ids: ReadonlySet<NodeId>,
    interest: (domain: string, addresses: Iterable<Address>) => boolean = () => false,
  ): void {
    this.#referred = ids;
    this.#interest = interest;
  }

  /** The nodes that changed since the last call; undefined: too many to say. For one reader. */
  takeChanged(): ReadonlySet<NodeId> | undefined {
    return this.#notice.take();
  }

  /** What was known before a restart. Its bindings count as just seen, and give way to any fact. */
  restore(descriptors: Iterable<Descriptor>): void {
    const now = this.#options.clock.monotonic();
    const changed: NodeId[] = [];
    for (const { device, macs, addresses, domains, names } of descriptors) {
      const [mac] = macs;
      const [domain] = domains;
      if (device && mac !== undefined) {
        const known = this.#devices.byMac(mac) ?? this.#addDevice(mac, now);
        if (known === undefined) continue;
        restoreNames(known.names, names);
        for (const { address, segment } of addresses) {
          if (segment === undefined || this.#devices.owner(segment, address) !== undefined) continue;
          for (const { id } of this.#devices.bind(known, segment, address, now)) changed.push(id);
        }
        changed.push(known.id);
      } else if (!device && domain !== undefined) {
        const known = this.#remotes.byKey(domain) ?? this.#addRemote({ domain }, now);
        if (known === undefined) continue;
        for (const { address } of addresses) this.#remotes.bind(known, address, now);
        changed.push(known.id);
      } else if (!device) {
        for (const { address } of addresses.slice(0, 1)) {
          const known = this.#remotes.byKey(address) ?? this.#addRemote({ address }, now);
          if (known !== undefined) changed.push(known.id);
        }
      }
    }
    this.#changed(changed);
  }

  descriptor(id: NodeId): Descriptor | undefined {
    const device = this.#devices.byId(id);
    if (device !== undefined) return describeDevice(device);
    const remote = this.#remotes.byId(id);
    return remote === undefined ? undefined : describeRemote(remote);
  }

  /** Every node, devices first. A fresh array. */
  descriptors(): Descriptor[] {
    return [
      ...Array.from(this.#devices.all(), describeDevice),
      ...Array.from(this.#remotes.all(), describeRemote),
    ];
  }

  /** Every domain that answered, with the id of its node. */
  *domains(): Iterable<readonly [domain: string, id: NodeId]> {
    for (const { domain, id } of this.#remotes.all()) if (domain !== undefined) yield [domain, id];
  }

  /** Every device. A fresh array. */
  devices(): Descriptor[] {
    return Array.from(this.#devices.all(), describeDevice);
  }

  /** When the node was last seen, monotonic milliseconds. */
  lastSeen(id: NodeId): number | undefined {
    return (this.#devices.byId(id) ?? this.#remotes.byId(id))?.seen;
  }

  /** Whose the address is on the segment or, without one, on the segment where it was seen last. */
  deviceByAddress(segment: string | undefined, address: Address): NodeId | undefined {
    return (segment === undefined ? this.#devices.anyOwner(address) : this.#devices.owner(segment, address))
      ?.id;
  }

  deviceByMac(mac: Mac): NodeId | undefined {
    return this.#devices.byMac(mac)?.id;
  }

  /** The domain that last answered with the address, else the node that is just the address, if it was noted. */
  remoteByAddress(address: Address): NodeId | undefined {
    return this.#remotes.byAddress(address)?.id;
  }

  remoteByDomain(domain: string): NodeId | undefined {
    return this.#remotes.byKey(domain)?.id;
  }

  /** The domains that answered with the address, the newest first. */
  domainsOf(address: Address): string[] {
    return this.#remotes.domainsOf(address);
  }

  /** The remote at this address, which was just seen: made when there is none. Undefined when there is no room. */
  noteRemote(address: Address): NodeId | undefined {
    const now = this.#options.clock.monotonic();
    const known = this.#remotes.byAddress(address);
    if (known !== undefined) {
      this.#remotes.touch(known, now);
      return known.id;
    }
    const remote = this.#addRemote({ address }, now);
    if (remote !== undefined) this.#changed([remote.id]);
    return remote?.id;
  }

  /** The node that is just this address, whatever domains answer with it too. Undefined when there is no room. */
  addressNode(address: Address): NodeId | undefined {
    const known = this.#remotes.byKey(address);
    if (known !== undefined) return known.id;
    const remote = this.#addRemote({ address }, this.#options.clock.monotonic());
    if (remote !== undefined) this.#changed([remote.id]);
    return remote?.id;
  }

  /** These turned out to be no devices. Those that something refers to stay. */
  forget(macs: Iterable<Mac>): void {
    const gone: NodeId[] = [];
    for (const mac of macs) {
      const device = this.#devices.byMac(mac);
      if (device === undefined || this.#kept(device.id)) continue;
      this.#devices.remove(device);
      gone.push(device.id);
    }
    this.#changed(gone);
  }

  /** Ages: bindings, and nodes that neither a reference nor `held` (a flow) keeps. To be called about once a minute. */
  sweep(held: (id: NodeId) => boolean = () => false): void {
    const { clock, bindingKeepMs = 7 * DAY, nodeKeepMs = 30 * 60_000 } = this.#options;
    const now = clock.monotonic();
    const stays = (id: NodeId) => this.#kept(id) || held(id);
    this.#changed([
      ...this.#devices.expire(now - bindingKeepMs, stays),
      ...this.#remotes.expire(now - bindingKeepMs, now - nodeKeepMs, stays),
    ]);
  }

  #neighbour({ segment, address, mac, present, fresh }: NeighbourFact): void {
    const now = this.#options.clock.monotonic();
    const known = this.#devices.byMac(mac);
    if (!present && known === undefined) return;
    const device = known ?? this.#addDevice(mac, now);
    if (device === undefined) return;
    const owner = this.#devices.owner(segment, address);
    if (present && !isSpecial(address) && (fresh || owner === undefined || owner === device)) {
      this.#changed(this.#devices.bind(device, segment, address, now).map(({ id }) => id));
    } else if (known === undefined) this.#changed([device.id]);
    if (present) this.#devices.touch(device, now);
    if (known === undefined) this.#options.onNewDevice?.(describeDevice(device));
  }

  #answer({ domain, addresses }: AnswerFact): void {
    const now = this.#options.clock.monotonic();
    const known = this.#remotes.byKey(domain);
    const remote = known ?? this.#addRemote({ domain }, now);
    if (remote === undefined) return;
    this.#remotes.touch(remote, now);
    let isNew = known === undefined;
    for (const address of addresses) {
      if (!isSpecial(address)) isNew = this.#remotes.bind(remote, address, now) || isNew;
    }
    if (isNew) this.#changed([remote.id]);
  }

  #hostName(fact: HostNameFact): void {
    const device = this.#devices.byMac(fact.mac);
    if (device === undefined) this.#waitingNames.add(fact);
    else if (addName(device.names, fact)) this.#notice.names();
  }

  #addDevice(mac: Mac, now: number): Device | undefined {
    const { crypto, home } = this.#options;
    const device = this.#devices.add(deviceId(crypto, home, mac), mac, now, this.#kept);
    const waiting = this.#waitingNames.take(mac);
    if (waiting !== undefined && device !== undefined) addName(device.names, waiting);
    return device;
  }

  #addRemote(key: { domain: string } | { address: Address }, now: number): Remote | undefined {
    const { crypto, home } = this.#options;
    const id =
      'domain' in key ? domainNodeId(crypto, home, key.domain) : addressNodeId(crypto, home, key.address);
    return this.#remotes.add(id, key, now, this.#kept);
  }

  #isOfInterest(id: NodeId): boolean {
    const remote = this.#remotes.byId(id);
    return remote?.domain !== undefined && this.#interest(remote.domain, remote.addresses.keys());
  }

  #changed(ids: readonly NodeId[]): void {
    this.#notice.nodes(ids, this.#matters);
  }
}
