import {
  type Address,
  type BlockSet,
  emptyBlockSet,
  type Mac,
  type NodeId,
  type Prefix,
  type RecordId,
} from '../policy/block-set.ts';
import { Classes } from '../policy/classes.ts';
import type { Live } from '../policy/contents.ts';
import type { Crypto, PeerKey } from '../policy/crypto.ts';
import { Decision } from '../policy/decision.ts';
import { HomeAndGuard } from '../policy/guard.ts';
import { domainNodeId } from '../policy/identity.ts';
import { nodeOf } from '../policy/lift.ts';
import type { Subject } from '../policy/records.ts';
import { referencesOf } from '../policy/references.ts';
import type { RouterCard } from '../policy/register-codec.ts';
import type { Registers } from '../policy/registers.ts';
import type { Replica } from '../policy/replica.ts';
import type { InForce } from '../policy/rule-book.ts';
import { isEnforceable } from '../policy/rules.ts';
import { Sightings } from '../policy/sightings.ts';
import { isTrial } from '../policy/terms.ts';
import type { NodeCache } from './nodes/node-cache.ts';
import { PersistentNodes } from './nodes/persistent-nodes.ts';
import type { Interfaces } from './observe/interfaces.ts';

export interface DeciderOptions {
  readonly replica: Replica;
  readonly registers: Registers;
  readonly cache: NodeCache;
  readonly crypto: Crypto;
  readonly self: PeerKey;
  readonly interfaces: () => Interfaces;
  /** Addresses on which an authenticated connection to a member stands. */
  readonly memberAddresses: () => Iterable<Address>;
  /** `home.networks` of the configuration. */
  readonly networks: readonly Prefix[];
  readonly maxAddresses: number;
  /** Policies about what this router itself sends and receives are decided too. */
  readonly ownTraffic?: boolean | undefined;
  /** Whether a policy is in force now (its terms); without it all are. */
  readonly inForce?: (live: Live) => boolean;
}

/** Each costs eight empty sets and as many rules that no packet meets; more devices than this are rare in a home. */
const READY_OWNERS = 64;
/** An op may hold so many of them; a block that knows less of what was taken apart covers more, never less. */
const MAX_APART = 500;
/** What this router itself says of a node. */
const OURS = '';

/** Brings together what is wanted, what is seen and what this router is, and asks the policy what to block now. */
export class Decider {
  readonly #options: DeciderOptions;
  readonly #decision = new Decision();
  readonly #lasting = new Decision();
  readonly #homeAndGuard = new HomeAndGuard();
  readonly #persistent: PersistentNodes;
  readonly #idOfDomain: (domain: string) => NodeId;
  #latest = emptyBlockSet;
  #policies: InForce = [];
  #sightings = new Sightings({ segments: new Set(), routerMacs: new Set() });
  #classes = new Classes(new Map(), this.#sightings);
  /** What the sightings were made for: segments, routers and members. */
  #place: string | undefined;
  #included: ReadonlySet<NodeId> = new Set();
  #policyAt = '';
  #edgesAt = -1;

  constructor(options: DeciderOptions) {
    this.#options = options;
    const { cache, crypto, replica, registers } = options;
    this.#persistent = new PersistentNodes(cache, (id) => registers.describing(id));
    const ids = new Map<string, NodeId>();
    this.#idOfDomain = (domain) => {
      const id = ids.get(domain) ?? domainNodeId(crypto, replica.home, domain);
      if (ids.size > 10_000) ids.clear();
      ids.set(domain, id);
      return id;
    };
  }

  /** What was decided last, for views: no more than a moment old, and free. */
  get latest(): BlockSet {
    return this.#latest;
  }

  /** Decides afresh. */
  blockSet(): BlockSet {
    this.#look();
    this.#latest = this.#decide(this.#decision, this.#inForce());
    return this.#latest;
  }

  /**
   * The same without the trials that are running; undefined when there is none. A machine that starts again may be one from
   * which somebody has locked himself out, and nobody knows yet whether its agent will run to end what was tried.
   */
  withoutTrials(): BlockSet | undefined {
    const lasting = this.#policies.filter(({ record }) => !('terms' in record && isTrial(record.terms)));
    return lasting.length === this.#policies.length ? undefined : this.#decide(this.#lasting, lasting);
  }

  #decide(decision: Decision, policies: InForce): BlockSet {
    const { replica, networks, maxAddresses, ownTraffic, self } = this.#options;
    const interfaces = this.#options.interfaces();
    const announced = this.#cards().flatMap((card) => card.prefixes);
    return decision.next(
      policies,
      {
        sightings: this.#sightings,
        classes: this.#classes,
        edges: replica.edges(),
        idOfDomain: this.#idOfDomain,
      },
      {
        ...this.#homeAndGuard.next({
          prefixes: [interfaces.lanPrefixes, announced, networks],
          addresses: [interfaces.addresses, this.#options.memberAddresses()],
        }),
        maxAddresses,
        readyOwners: READY_OWNERS,
        own: ownTraffic === true ? { peer: self, addresses: interfaces.addresses } : undefined,
      },
    );
  }

  /** The policies that are in force: the same array as long as they are the same. */
  #inForce(): InForce {
    const { replica, inForce = () => true } = this.#options;
    const now: Live[] = [];
    for (const live of replica.live.values()) if (isEnforceable(live.record) && inForce(live)) now.push(live);
    const before = this.#policies;
    const same = now.length === before.length && now.every((live, n) => live.id === before[n]?.id);
    if (!same) this.#policies = now;
    return this.#policies;
  }

  /** The nodes that a live record refers to, itself or by what it covers. */
  persistentNodes(): ReadonlySet<NodeId> {
    this.#look();
    return this.#persistent.ids;
  }

  /** The node and all that are the same, as it is shown. Asked for every node of a list: what is seen may be a moment old. */
  classOf(id: NodeId): ReadonlySet<NodeId> {
    return this.classes().shown(id);
  }

  /** Which nodes are the same, by every decision of people that is here and by what was seen a moment ago. */
  classes(): Classes {
    if (this.#edgesAt !== this.#options.replica.edgesVersion) this.#look();
    return this.#classes;
  }

  /** The retired edges around these subjects, for the author of a block of them. */
  apart(subjects: readonly Subject[]): RecordId[] {
    this.#look();
    const ids = subjects.flatMap((subject) => nodeOf(subject, this.#idOfDomain) ?? []);
    const groups = new Set(subjects.flatMap((subject) => (subject.kind === 'group' ? [subject.group] : [])));
    const taken = [...this.#options.replica.edges()].flatMap(([id, { record, live }]) =>
      !live && record.kind === 'in' && groups.has(record.group) ? [id] : [],
    );
    return [...new Set([...ids.flatMap((id) => this.#classes.apartAround(id)), ...taken])].slice(
      0,
      MAX_APART,
    );
  }

  /** The MACs of the other routers of the home, which are never devices. */
  routerMacs(): Set<Mac> {
    return new Set(this.#cards().flatMap((card) => card.macs));
  }

  #cards(): RouterCard[] {
    const { replica, registers, self } = this.#options;
    return replica.members().flatMap(({ peer }) => {
      const card = peer !== self && replica.isMember(peer) ? registers.card(peer) : undefined;
      return card === undefined ? [] : [card];
    });
  }

  /** Takes in what has changed since the last look: policy, edges, nodes, registers, and what this router is. */
  #look(): void {
    const { replica, registers, cache } = this.#options;
    const policy = `${replica.liveVersion} ${replica.edgesVersion}`;
    const nodes = cache.takeChanged();
    const described = registers.takeChanged();
    if (policy !== this.#policyAt) {
      this.#policyAt = policy;
      this.#persistent.refer(referencesOf(replica.live.values(), replica.edges(), this.#idOfDomain));
    }
    const told = described && new Set([...described].map((key) => key.split(' ')[1] ?? ''));
    this.#persistent.changed(nodes && told && nodes.union(told));
    const interfaces = this.#options.interfaces();
    const segments = new Set(interfaces.lan.map((lan) => lan.segment));
    const routerMacs = this.routerMacs().union(interfaces.macs);
    const members = replica.members().filter(({ peer }) => replica.isMember(peer));
    const place = JSON.stringify([[...segments], [...routerMacs], members.map(({ peer }) => peer)]);
    if (place !== this.#place || nodes === undefined || described === undefined) {
      this.#place = place;
      this.#lookAnew(segments, routerMacs);
    } else {
      this.#lookAt(nodes, described);
    }
    if (this.#edgesAt === replica.edgesVersion) return;
    this.#edgesAt = replica.edgesVersion;
    this.#classes = new Classes(replica.edges(), this.#sightings);
  }

  #lookAnew(segments: ReadonlySet<string>, routerMacs: ReadonlySet<Mac>): void {
    const { cache, registers } = this.#options;
    this.#sightings = new Sightings({
      segments,
      routerMacs,
      alsoAnswered: (address) => cache.domainsOf(address),
    });
    this.#edgesAt = -1;
    for (const device of cache.devices()) this.#sightings.put(OURS, device.node, device);
    this.#included = this.#persistent.ids;
    for (const id of this.#included) this.#see(id);
    for (const { peer, node } of registers.all()) if (node !== undefined) this.#hear(peer, node);
  }

  #lookAt(nodes: ReadonlySet<NodeId>, described: ReadonlySet<string>): void {
    const { cache } = this.#options;
    const included = this.#persistent.ids;
    for (const id of nodes) {
      this.#see(id);
      // A domain that is not referred to may still show that an address has several owners.
      if (!included.has(id)) {
        for (const { address } of cache.descriptor(id)?.addresses ?? []) this.#sightings.touch(address);
      }
    }
    if (included !== this.#included) {
      for (const id of included.symmetricDifference(this.#included)) this.#see(id);
      this.#included = included;
    }
    for (const key of described) {
      const [peer = '', node = ''] = key.split(' ');
      if (node !== '') this.#hear(peer, node);
    }
  }

  /** Ours of all devices and of what is referred to. */
  #see(id: NodeId): void {
    const own = this.#options.cache.descriptor(id);
    const matters = own?.device === true || this.#persistent.ids.has(id);
    this.#sightings.put(OURS, id, matters ? own : undefined);
  }

  /** The others' of what they say: it is about what is referred to. A remote is what its domain makes it, or nothing. */
  #hear(peer: PeerKey, node: NodeId): void {
    const { registers, replica, self } = this.#options;
    if (peer === self) return;
    const said = replica.isMember(peer) ? registers.register(peer, node)?.descriptor : undefined;
    const named = said === undefined || said.device || said.domains.length === 0;
    const holds = named || said.domains.some((domain) => this.#idOfDomain(domain) === node);
    this.#sightings.put(peer, node, holds ? said : undefined);
  }
}
