import type { Clock } from '../../clock.ts';
import type { Address, Mac, NodeId } from '../../policy/block-set.ts';
import type { Crypto } from '../../policy/crypto.ts';
import type { Descriptor } from '../../policy/descriptor.ts';
import type { HomeId } from '../../policy/identity.ts';
import type { News } from '../../policy/news.ts';
import type { Fact } from '../observe/facts.ts';
import { applyFact } from './apply-fact.ts';
import { ChangeNotice } from './change-notice.ts';
import { type BookCounters, describeDevice } from './device-book.ts';
import { Holds } from './holds.ts';
import { Lifetimes } from './lifetimes.ts';
import { NodeBooks } from './node-books.ts';
import type { Lifetime, NodeMemory } from './node-memory.ts';
import { NodeNews } from './node-news.ts';
import { describeRemote } from './remote-book.ts';

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
  /** How long a device stays that nothing refers to and that was not seen, over restarts too. Default 90 days. */
  deviceKeepMs?: number;
  /** Whether the wall clock can be believed. Default: always. */
  clockTrusted?: () => boolean;
  /** Whether a device that is seen for the first time here was seen before elsewhere or by an earlier run: then it is not new. */
  knownBefore?: (id: NodeId) => boolean;
}

const DAY = 24 * 60 * 60_000;
const NO_IDS: ReadonlySet<NodeId> = new Set();

/**
 * The nodes that this router knows, grown from facts (design: observation, "Node life"). A subscriber is told that
 * something changed and takes what it needs.
 */
export class NodeCache {
  readonly #options: NodeCacheOptions;
  readonly #books: NodeBooks;
  readonly #lifetimes: Lifetimes;
  readonly #notice = new ChangeNotice();
  readonly #kept = (id: NodeId) => this.#referred.has(id) || this.holds.has(id);
  readonly #matters = (id: NodeId) => this.#referred.has(id) || this.#isOfInterest(id);
  /** Nodes that went and that nobody was told of yet. */
  #removed: NodeId[] = [];
  #referred = NO_IDS;
  #interest: (domain: string, addresses: Iterable<Address>) => boolean = () => false;
  /** What became of nodes: new devices, nodes that are gone, and what others put in. */
  readonly news: NodeNews;
  /** References of those who need nodes for a while. */
  readonly holds = new Holds();

  constructor(options: NodeCacheOptions) {
    this.#options = options;
    const { home, crypto, clock, caps, clockTrusted = () => true } = options;
    this.#lifetimes = new Lifetimes(clock, clockTrusted);
    this.news = new NodeNews(clock);
    this.#books = new NodeBooks({
      home,
      crypto,
      caps: { devices: 4_096, remotes: 50_000, deviceAddresses: 64, remoteAddresses: 256, ...caps },
      kept: this.#kept,
      onRemoved: (node, device, why) => {
        this.#removed.push(node);
        this.news.add({ kind: 'gone', node, device, why });
      },
    });
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
    const { devices, remotes } = this.#books;
    return {
      devices: { size: devices.size, ...devices.counters },
      remotes: { size: remotes.size, ...remotes.counters },
    };
  }

  /** Calls `listener` after each change, at once: it should only note that there was one. Answers how to end it. */
  watch(listener: () => void): () => void {
    return this.#notice.watch(listener);
  }

  apply(fact: Fact): void {
    const { changed, told, appeared } = applyFact(this.#books, fact, this.#options.clock.monotonic());
    if (changed.length > 0) this.#changed(changed);
    if (told.length > 0) this.#notice.names(told);
    if (appeared !== undefined && this.#options.knownBefore?.(appeared) !== true)
      this.news.add({ kind: 'new', node: appeared, device: true });
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

  /** What the policy refers to, as was said last. */
  get referred(): ReadonlySet<NodeId> {
    return this.#referred;
  }

  /** The nodes that changed since the last call; undefined: too many to say. For one reader. */
  takeChanged(): ReadonlySet<NodeId> | undefined {
    return this.#notice.take();
  }

  /** The changes from now on, those of names too, for one more reader. */
  changes(): News<NodeId> {
    return this.#notice.reader();
  }

  /** What was known before a restart. Its bindings count as just seen, and give way to any fact. */
  restore(descriptors: Iterable<Descriptor>): void {
    this.remember(Array.from(descriptors, (descriptor) => ({ descriptor, life: {} })));
  }

  /** The same with what is known of when the nodes were seen; the one seen longest ago first. */
  remember(memories: Iterable<NodeMemory>): void {
    const now = this.#options.clock.monotonic();
    const changed: NodeId[] = [];
    for (const { descriptor, life } of memories) changed.push(...this.#books.restore(descriptor, life, now));
    this.#changed(changed);
  }

  /** What is to be kept of a node over a restart; undefined when it is not known. */
  memory(id: NodeId): NodeMemory | undefined {
    const descriptor = this.descriptor(id);
    return descriptor === undefined ? undefined : { descriptor, life: this.lifetime(id) };
  }

  /** Whether the node is known here. */
  has(id: NodeId): boolean {
    return this.#books.devices.byId(id) !== undefined || this.#books.remotes.byId(id) !== undefined;
  }

  descriptor(id: NodeId): Descriptor | undefined {
    return this.#books.descriptor(id);
  }

  /** Every node, devices first. A fresh array. */
  descriptors(): Descriptor[] {
    return [...this.devices(), ...Array.from(this.#books.remotes.all(), describeRemote)];
  }

  /** The id of every node. */
  *ids(): Iterable<NodeId> {
    for (const { id } of this.#books.devices.all()) yield id;
    for (const { id } of this.#books.remotes.all()) yield id;
  }

  /** Every domain that answered, with the id of its node. */
  *domains(): Iterable<readonly [domain: string, id: NodeId]> {
    for (const { domain, id } of this.#books.remotes.all()) if (domain !== undefined) yield [domain, id];
  }

  /** Every device. A fresh array. */
  devices(): Descriptor[] {
    return Array.from(this.#books.devices.all(), describeDevice);
  }

  /** When the node was last seen, monotonic milliseconds: of a device also by an earlier run; undefined when never. */
  lastSeen(id: NodeId): number | undefined {
    const device = this.#books.devices.byId(id);
    return device === undefined ? this.#books.remotes.byId(id)?.seen : this.#lifetimes.lastSeen(device);
  }

  /**
   * When a device was last seen since this agent started, and when something was last learnt from itself, monotonic
   * milliseconds; undefined when it was not seen.
   */
  seenSinceStart(id: NodeId): { readonly seen: number; readonly learnt: number | undefined } | undefined {
    const device = this.#books.devices.byId(id);
    return device?.heard === undefined ? undefined : { seen: device.seen, learnt: device.learnt };
  }

  /** When a device was first and last seen, over restarts; of remotes nothing is known. */
  lifetime(id: NodeId): Lifetime {
    const device = this.#books.devices.byId(id);
    return device === undefined ? {} : this.#lifetimes.of(device);
  }

  /** Whose the address is on the segment or, without one, on the segment where it was seen last. */
  deviceByAddress(segment: string | undefined, address: Address): NodeId | undefined {
    const { devices } = this.#books;
    return (segment === undefined ? devices.anyOwner(address) : devices.owner(segment, address))?.id;
  }

  deviceByMac(mac: Mac): NodeId | undefined {
    return this.#books.devices.byMac(mac)?.id;
  }

  /** The domain that last answered with the address, else the node that is just the address, if it was noted. */
  remoteByAddress(address: Address): NodeId | undefined {
    return this.#books.remotes.byAddress(address)?.id;
  }

  remoteByDomain(domain: string): NodeId | undefined {
    return this.#books.remotes.byKey(domain)?.id;
  }

  /** The domains that answered with the address, the newest first. */
  domainsOf(address: Address): string[] {
    return this.#books.remotes.domainsOf(address);
  }

  /** The remote at this address, which was just seen: made when there is none. Undefined when there is no room. */
  noteRemote(address: Address): NodeId | undefined {
    const known = this.#books.remotes.byAddress(address);
    if (known === undefined) return this.addressNode(address);
    this.#books.remotes.touch(known, this.#options.clock.monotonic());
    return known.id;
  }

  /** The node that is just this address, whatever domains answer with it too. Undefined when there is no room. */
  addressNode(address: Address): NodeId | undefined {
    const known = this.#books.remotes.byKey(address);
    if (known !== undefined) return known.id;
    const remote = this.#books.addRemote({ address }, this.#options.clock.monotonic());
    if (remote !== undefined) this.#changed([remote.id]);
    return remote?.id;
  }

  /** These turned out to be no devices. Those that something refers to stay. */
  forget(macs: Iterable<Mac>): void {
    for (const mac of macs) {
      const device = this.#books.devices.byMac(mac);
      if (device !== undefined && !this.#kept(device.id)) this.#books.devices.remove(device, 'router');
    }
    this.#changed([]);
  }

  /** Ages: bindings, and nodes that neither a reference nor `held` (a flow) keeps. To be called about once a minute. */
  sweep(held: (id: NodeId) => boolean = () => false): void {
    const {
      clock,
      bindingKeepMs = 7 * DAY,
      nodeKeepMs = 30 * 60_000,
      deviceKeepMs = 90 * DAY,
    } = this.#options;
    const now = clock.monotonic();
    const stays = (id: NodeId) => this.#kept(id) || held(id);
    this.#changed([
      ...this.#books.devices.expire(
        now - bindingKeepMs,
        (device) => this.#lifetimes.quietMs(device) > deviceKeepMs && !stays(device.id),
      ),
      ...this.#books.remotes.expire(now - bindingKeepMs, now - nodeKeepMs, stays),
    ]);
  }

  #isOfInterest(id: NodeId): boolean {
    const remote = this.#books.remotes.byId(id);
    return remote?.domain !== undefined && this.#interest(remote.domain, remote.addresses.keys());
  }

  #changed(ids: readonly NodeId[]): void {
    const all = this.#removed.length === 0 ? ids : [...new Set([...ids, ...this.#removed])];
    this.#removed = [];
    this.#notice.nodes(all, this.#matters);
  }
}
