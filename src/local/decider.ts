import {
  type Address,
  type BlockSet,
  emptyBlockSet,
  type Mac,
  type NodeId,
  type Prefix,
} from '../policy/block-set.ts';
import type { Crypto, PeerKey } from '../policy/crypto.ts';
import { decide } from '../policy/decide.ts';
import type { Descriptor } from '../policy/descriptor.ts';
import { guardOf, homePrefixes } from '../policy/guard.ts';
import { referencedNodes } from '../policy/references.ts';
import type { RouterCard } from '../policy/register-codec.ts';
import type { Registers } from '../policy/registers.ts';
import type { Replica } from '../policy/replica.ts';
import type { NodeCache } from './nodes/node-cache.ts';
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
}

/** Each costs eight empty sets and as many rules that no packet meets; more devices than this are rare in a home. */
const READY_OWNERS = 64;

/** Brings together what is wanted, what is seen and what this router is, and asks the policy what to block now. */
export class Decider {
  readonly #options: DeciderOptions;
  #latest = emptyBlockSet;
  #persistent: ReadonlySet<NodeId> = new Set();
  #persistentAt = -1;

  constructor(options: DeciderOptions) {
    this.#options = options;
  }

  /** What was decided last, for views: no more than a moment old, and free. */
  get latest(): BlockSet {
    return this.#latest;
  }

  /** Decides afresh. */
  blockSet(): BlockSet {
    const { replica, registers, cache, networks, maxAddresses } = this.#options;
    const interfaces = this.#options.interfaces();
    const cards = this.#cards();
    const home = homePrefixes(
      interfaces.lanPrefixes,
      cards.flatMap((card) => card.prefixes),
      networks,
    );
    const persistent = this.persistentNodes();
    cache.refer(persistent);
    this.#latest = decide({
      live: replica.live.values(),
      descriptors: this.#descriptors(persistent, registers),
      segments: new Set(interfaces.lan.map((lan) => lan.segment)),
      home,
      guard: guardOf(interfaces.addresses, this.#options.memberAddresses(), home),
      routerMacs: this.routerMacs().union(interfaces.macs),
      maxAddresses,
      readyOwners: READY_OWNERS,
    });
    return this.#latest;
  }

  /** The nodes that a live record refers to. */
  persistentNodes(): ReadonlySet<NodeId> {
    const { crypto, replica } = this.#options;
    if (this.#persistentAt !== replica.version) {
      this.#persistentAt = replica.version;
      this.#persistent = referencedNodes(crypto, replica.home, replica.live.values());
    }
    return this.#persistent;
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

  /** Ours of all devices and of what is referred to; the others' of what is referred to. */
  *#descriptors(persistent: ReadonlySet<NodeId>, registers: Registers): Iterable<Descriptor> {
    const { cache, self } = this.#options;
    yield* cache.devices();
    for (const id of persistent) {
      const own = cache.descriptor(id);
      if (own !== undefined && !own.device) yield own;
    }
    for (const { peer, node, descriptor } of registers.all()) {
      if (peer !== self && descriptor !== undefined && node !== undefined && persistent.has(node))
        yield descriptor;
    }
  }
}
