import type { NodeCache } from '../local/nodes/node-cache.ts';
import type { PeerPresence } from '../p2p/presence/presence.ts';
import type { Address, Mac, NodeId } from '../policy/block-set.ts';
import type { PeerKey } from '../policy/crypto.ts';
import type { Descriptor } from '../policy/descriptor.ts';
import type { Subject } from '../policy/records.ts';
import { subjectsOf } from '../policy/references.ts';
import type { Registers } from '../policy/registers.ts';
import type { Replica } from '../policy/replica.ts';
import { find, type Match, type Whereabouts } from './find.ts';
import { type GivenName, GivenNames } from './given-names.ts';
import { type Group, groupsOf } from './group-book.ts';
import { joined, type KnownNode, labelOf } from './known-node.ts';

/** What the other routers say of the devices behind them; `version` grows with every change of it. */
export interface Presences {
  readonly version: number;
  all(): readonly Pick<PeerPresence, 'claims'>[];
}

/**
 * Who is who: this router's nodes, what the other routers say of persistent ones and of the devices behind them, and the
 * names that people gave.
 */
export class Directory implements Whereabouts {
  readonly #replica: Replica;
  readonly #registers: Registers;
  readonly #cache: NodeCache;
  readonly #classOf: (id: NodeId) => readonly NodeId[];
  readonly #presence: Presences;
  readonly #given: GivenNames;
  #told = new Map<NodeId, Descriptor[]>();
  #toldAt = '';
  /** The devices behind other routers, as these say. */
  #behind = new Map<NodeId, Descriptor[]>();
  #behindAt = '';
  #groups: ReadonlyMap<string, Group> = new Map();
  #groupsAt = -1;

  /**
   * `classOf`: all ids that are the same node as one, itself among them; without it each id is a node of its own. `presence`:
   * without it a device is known only where it was seen, or once something refers to it.
   */
  constructor(
    replica: Replica,
    registers: Registers,
    cache: NodeCache,
    classOf: (id: NodeId) => readonly NodeId[] = (id) => [id],
    presence: Presences = { version: 0, all: () => [] },
  ) {
    this.#replica = replica;
    this.#registers = registers;
    this.#cache = cache;
    this.#classOf = classOf;
    this.#presence = presence;
    this.#given = new GivenNames(replica);
  }

  /** All nodes, or all devices, one for each class; devices first. */
  nodes(which: 'all' | 'devices' = 'all'): KnownNode[] {
    const classes = new Map<NodeId, KnownNode[]>();
    for (const node of which === 'all' ? this.each() : this.devices()) {
      const key = node.ids.length === 1 ? node.id : ([...node.ids].sort()[0] ?? node.id);
      classes.set(key, [...(classes.get(key) ?? []), node]);
    }
    return [...classes.values()]
      .flatMap(([first, ...more]) => {
        if (first === undefined || more.length === 0) return first ?? [];
        return joined([first, ...more], this.#names(first.ids));
      })
      .map((node) => ({ node, label: labelOf(node) }))
      .sort((x, y) => Number(y.node.device) - Number(x.node.device) || (x.label < y.label ? -1 : 1))
      .map(({ node }) => node);
  }

  /** Every node as it was observed, one for each id. Costs a look at all of them: prefer `devices` and `observed`. */
  each(): KnownNode[] {
    return this.#described(this.#cache.descriptors(), () => true);
  }

  devices(): KnownNode[] {
    return this.#described(this.#cache.devices(), ({ device }) => device);
  }

  /** Costs a look at each observation, and nothing is put together: a person who types a command waits for it. */
  devicesSeen(is: (device: Descriptor) => boolean): NodeId[] {
    const found = new Set<NodeId>();
    for (const device of this.#cache.devices()) if (is(device)) found.add(device.node);
    for (const told of this.#said()) if (told.device && is(told)) found.add(told.node);
    return [...found];
  }

  /** A node as it was observed, without those that are the same. */
  observed(id: NodeId): KnownNode | undefined {
    const own = this.#cache.descriptor(id);
    const told = [...this.#registers.saying(id), ...(this.#behindOthers().get(id) ?? [])];
    const known = own === undefined ? told : [own, ...told];
    return known.length === 0 ? undefined : this.#merge(id, known);
  }

  /** A node under any of its ids, with what is known of its whole class. */
  node(id: NodeId): KnownNode | undefined {
    const node = this.whole(id);
    return node === undefined ? undefined : { ...node, id };
  }

  /** The same under the id that `nodes()` lists it by. */
  whole(id: NodeId): KnownNode | undefined {
    const ids = this.#classOf(id);
    const nodes = ids.flatMap((each) => this.observed(each) ?? []);
    return nodes.length === 0 ? undefined : joined(nodes, this.#names(ids));
  }

  /** The nodes that the routers of the home tell each other of, by id; another map once they have said more. */
  told(): ReadonlyMap<NodeId, unknown> {
    return this.#tellings();
  }

  classOf(id: NodeId): readonly NodeId[] {
    return this.#classOf(id);
  }

  /** The groups by name, read anew only after the policy has changed. */
  groups(): ReadonlyMap<string, Group> {
    if (this.#groupsAt !== this.#replica.liveVersion) {
      this.#groupsAt = this.#replica.liveVersion;
      this.#groups = groupsOf(this.#replica);
    }
    return this.#groups;
  }

  /** Everything that a person may mean by a text (see find.ts). */
  find(text: string): Match[] {
    return find(text, this);
  }

  *ids(): Generator<{ id: NodeId; device: boolean }> {
    for (const { node, device } of this.#cache.descriptors()) yield { id: node, device };
    for (const told of this.#tellings().values())
      for (const { node, device } of told) yield { id: node, device };
    for (const { record } of this.#replica.live.values()) {
      for (const subject of subjectsOf(record)) if (isNode(subject)) yield nodeOf(subject);
    }
    // Also who was merged, split or in a group long ago: old ids answer for ever.
    for (const { record } of this.#replica.edges().values()) {
      if (record.kind === 'in') {
        if (isNode(record.node)) yield nodeOf(record.node);
      } else for (const id of [record.x, record.y]) yield { id, device: this.node(id)?.device ?? true };
    }
  }

  /** The members of the home, with the names that they are shown under. */
  routers(): { peer: PeerKey; name: string }[] {
    return this.#replica
      .members()
      .filter(({ peer, depth }) => depth >= 0 && this.#replica.isMember(peer))
      .map(({ peer }) => ({ peer, name: this.routerName(peer) }));
  }

  deviceWith(mac: Mac): NodeId | undefined {
    this.#cache.restore([{ node: '', device: true, macs: [mac], addresses: [], domains: [], names: [] }]);
    return this.#cache.deviceByMac(mac);
  }

  hasHere(id: NodeId, address: Address): boolean {
    return this.#cache.descriptor(id)?.addresses.some((binding) => binding.address === address) === true;
  }

  remoteAt(address: Address): NodeId | undefined {
    return this.#cache.addressNode(address);
  }

  named(text: string): Subject[] {
    return this.#given.named(text);
  }

  knows(domain: string): boolean {
    if (this.#cache.remoteByDomain(domain) !== undefined) return true;
    return this.#said().some(({ domains }) => domains.includes(domain));
  }

  /** Names that persons gave to the node or to one of its class; the one that is shown first. */
  givenTo(id: NodeId): readonly string[] {
    return this.#given.ofNode(this.#classOf(id)).map(({ text }) => text);
  }

  /** The live names of a node's class, a router or the home: the one that is shown first. */
  namesOf(subject: Subject): readonly GivenName[] {
    if (subject.kind === 'device' || subject.kind === 'remote')
      return this.#given.ofNode(this.#classOf(subject.id));
    return this.#given.of(subject.kind === 'router' ? subject.peer : subject.kind);
  }

  /** Every text that would find something: for a person who mistyped one. */
  *words(): Generator<string> {
    for (const name of this.groups().keys()) yield name;
    for (const { names, device, domains } of this.each()) yield* device ? names : [...names, ...domains];
    yield* ['home', 'lan', 'internet'];
  }

  /** How a subject is shown. */
  label(subject: Subject): string {
    switch (subject.kind) {
      case 'device':
      case 'remote': {
        // What is named by its address is not shown by the domain that answers with it today.
        const [given] = this.givenTo(subject.id);
        const node = this.observed(subject.id) ?? this.node(subject.id);
        return given ?? (node === undefined ? subject.id.slice(0, 8) : labelOf(node));
      }
      case 'domain':
        return subject.domain;
      case 'pattern':
        return `*.${subject.suffix}`;
      case 'network':
        return subject.prefix;
      case 'group':
        return subject.group;
      case 'router':
        return this.routerName(subject.peer);
      default:
        return subject.kind;
    }
  }

  /** The name a person gave a router, else what it says of itself, else the beginning of its key. */
  routerName(peer: PeerKey): string {
    return this.#given.of(peer)[0]?.text ?? (this.#registers.card(peer)?.name || peer.slice(0, 8));
  }

  /** The home's name; undefined while nobody gave it one. */
  homeName(): string | undefined {
    return this.#given.of('home')[0]?.text;
  }

  #described(own: readonly Descriptor[], wanted: (of: Descriptor) => boolean): KnownNode[] {
    const byId = new Map(own.map((descriptor) => [descriptor.node, [descriptor]]));
    for (const [id, told] of this.#tellings()) {
      if (told.some(wanted)) byId.set(id, [...(byId.get(id) ?? []), ...told]);
    }
    return Array.from(byId, ([id, descriptors]) => this.#merge(id, descriptors));
  }

  #merge(id: NodeId, descriptors: readonly Descriptor[]): KnownNode {
    const given = this.#names([id]);
    const ids = this.#classOf(id);
    const [only] = descriptors;
    if (only !== undefined && descriptors.length === 1 && given.length === 0) return { ...only, id, ids };
    return {
      ...joined(
        descriptors.map((of): KnownNode => ({ ...of, id, ids })),
        given,
      ),
      id,
    };
  }

  #names(ids: readonly NodeId[]): string[] {
    return this.#given.ofNode(ids).map(({ text }) => text);
  }

  /** What the routers say of nodes, all of it, put together anew only after they have said more. */
  #tellings(): ReadonlyMap<NodeId, Descriptor[]> {
    const now = `${this.#registers.version} ${this.#replica.version} ${this.#presence.version}`;
    if (this.#toldAt !== now) {
      this.#toldAt = now;
      this.#told = byNode(this.#said());
    }
    return this.#told;
  }

  #behindOthers(): ReadonlyMap<NodeId, Descriptor[]> {
    const now = `${this.#replica.version} ${this.#presence.version}`;
    if (this.#behindAt !== now) {
      this.#behindAt = now;
      this.#behind = byNode(this.#claimed());
    }
    return this.#behind;
  }

  /** Each thing that a router says of a node. */
  *#said(): Generator<Descriptor, undefined> {
    for (const { descriptor } of this.#registers.all()) if (descriptor !== undefined) yield descriptor;
    yield* this.#claimed();
  }

  #claimed(): Descriptor[] {
    return this.#presence.all().flatMap(({ claims }) => claims.map(({ about }) => about));
  }
}

function byNode(descriptors: Iterable<Descriptor>): Map<NodeId, Descriptor[]> {
  const by = new Map<NodeId, Descriptor[]>();
  for (const descriptor of descriptors) {
    const told = by.get(descriptor.node);
    if (told === undefined) by.set(descriptor.node, [descriptor]);
    else told.push(descriptor);
  }
  return by;
}

function isNode(subject: Subject): subject is Extract<Subject, { id: NodeId }> {
  return subject.kind === 'device' || subject.kind === 'remote';
}

function nodeOf({ kind, id }: Extract<Subject, { id: NodeId }>): { id: NodeId; device: boolean } {
  return { id, device: kind === 'device' };
}
