import type { Address, NodeId } from '../../policy/block-set.ts';
import type { Descriptor } from '../../policy/descriptor.ts';
import type { BookCounters } from './device-book.ts';
import type { GoneWhy } from './node-news.ts';

/** A remote: known by a domain with the addresses it answered with, or by one address alone. Monotonic milliseconds. */
export interface Remote {
  readonly id: NodeId;
  /** The domain, else the address: the two never look alike. */
  readonly key: string;
  readonly domain: string | undefined;
  /** Address → when an answer last named it, oldest first. */
  readonly addresses: Map<Address, number>;
  seen: number;
}

export interface RemoteCaps {
  remotes: number;
  /** Addresses per remote; the newest stay. */
  addresses: number;
}

/** The domains that an address answered for. */
interface Place {
  newest: Remote;
  readonly all: Set<Remote>;
}

/** The remotes by domain or address, and which domains an address answered for. In order of last seen. */
export class RemoteBook {
  readonly #caps: RemoteCaps;
  readonly #onRemoved: (id: NodeId, why: GoneWhy) => void;
  readonly #byKey = new Map<string, Remote>();
  readonly #byId = new Map<NodeId, Remote>();
  readonly #places = new Map<Address, Place>();
  readonly counters: BookCounters = { evicted: 0, refused: 0, addressesDropped: 0 };

  /** `onRemoved`: told of every remote that goes. */
  constructor(caps: RemoteCaps, onRemoved: (id: NodeId, why: GoneWhy) => void = () => undefined) {
    this.#caps = caps;
    this.#onRemoved = onRemoved;
  }

  get size(): number {
    return this.#byKey.size;
  }

  /** The remote that is known by this domain or, without a domain, by this address. */
  byKey(key: string): Remote | undefined {
    return this.#byKey.get(key);
  }

  byId(id: NodeId): Remote | undefined {
    return this.#byId.get(id);
  }

  all(): IterableIterator<Remote> {
    return this.#byKey.values();
  }

  /** The domain that last answered with the address, else the remote that is just the address. */
  byAddress(address: Address): Remote | undefined {
    return this.#places.get(address)?.newest ?? this.#byKey.get(address);
  }

  /** Domains that answered with the address, in no order but the newest first. */
  domainsOf(address: Address): string[] {
    const place = this.#places.get(address);
    if (place === undefined) return [];
    const domains = new Set([place.newest.domain ?? '']);
    for (const remote of place.all) domains.add(remote.domain ?? '');
    return [...domains];
  }

  /** A new remote; undefined when there is no room and all that are kept are referred to. */
  add(
    id: NodeId,
    key: { domain: string } | { address: Address },
    now: number,
    kept: (id: NodeId) => boolean,
  ): Remote | undefined {
    if (this.#byKey.size >= this.#caps.remotes && !this.#evict(kept)) {
      this.counters.refused += 1;
      return undefined;
    }
    const remote: Remote =
      'domain' in key
        ? { id, key: key.domain, domain: key.domain, addresses: new Map(), seen: now }
        : { id, key: key.address, domain: undefined, addresses: new Map([[key.address, now]]), seen: now };
    this.#byKey.set(remote.key, remote);
    this.#byId.set(id, remote);
    return remote;
  }

  /** Moves the remote to the end of the order. */
  touch(remote: Remote, now: number): void {
    remote.seen = now;
    this.#byKey.delete(remote.key);
    this.#byKey.set(remote.key, remote);
  }

  /** Binds an address to a domain's node; true when it is new there. */
  bind(remote: Remote, address: Address, now: number): boolean {
    const isNew = !remote.addresses.delete(address);
    remote.addresses.set(address, now);
    const place = this.#places.get(address);
    if (place === undefined) this.#places.set(address, { newest: remote, all: new Set([remote]) });
    else {
      place.newest = remote;
      place.all.add(remote);
    }
    if (remote.addresses.size > this.#caps.addresses) {
      const [oldest] = remote.addresses.keys();
      if (oldest !== undefined) this.#unbind(remote, oldest);
      this.counters.addressesDropped += 1;
    }
    return isNew;
  }

  remove(remote: Remote, why: GoneWhy): void {
    for (const address of [...remote.addresses.keys()]) this.#unbind(remote, address);
    this.#byKey.delete(remote.key);
    this.#byId.delete(remote.id);
    this.#onRemoved(remote.id, why);
  }

  /**
   * Ends bindings of domains last seen before `oldestBinding`, and remotes last seen before `oldest` that need not stay;
   * answers whose bindings ended. A remote that is an address keeps it.
   */
  expire(oldestBinding: number, oldest: number, stays: (id: NodeId) => boolean): NodeId[] {
    const changed: NodeId[] = [];
    for (const remote of [...this.#byKey.values()]) {
      const gone: Address[] = [];
      if (remote.domain !== undefined) {
        for (const [address, seen] of remote.addresses) if (seen < oldestBinding) gone.push(address);
      }
      for (const address of gone) this.#unbind(remote, address);
      if (remote.seen < oldest && !stays(remote.id)) this.remove(remote, 'age');
      else if (gone.length > 0) changed.push(remote.id);
    }
    return changed;
  }

  #unbind(remote: Remote, address: Address): void {
    remote.addresses.delete(address);
    const place = this.#places.get(address);
    if (place === undefined || !place.all.delete(remote)) return;
    let newest: Remote | undefined;
    if (place.newest !== remote) newest = place.newest;
    else {
      let seen = -Infinity;
      for (const other of place.all) {
        const when = other.addresses.get(address) ?? -Infinity;
        if (when >= seen) [newest, seen] = [other, when];
      }
    }
    if (newest === undefined) this.#places.delete(address);
    else place.newest = newest;
  }

  /** Makes room for some at once: to find the first of a map from which many were taken is slow. */
  #evict(kept: (id: NodeId) => boolean): boolean {
    const wanted = Math.ceil(this.#byKey.size / 100);
    let [found, left] = [0, this.#byKey.size];
    for (const remote of this.#byKey.values()) {
      if (left-- === 0 || found === wanted) break;
      // To the back with what is kept, so that the next search does not pass it again.
      if (kept(remote.id)) this.touch(remote, remote.seen);
      else {
        this.remove(remote, 'room');
        found += 1;
      }
    }
    this.counters.evicted += found;
    return found > 0;
  }
}

export function describeRemote(remote: Remote): Descriptor {
  return {
    node: remote.id,
    device: false,
    macs: [],
    addresses: Array.from(remote.addresses.keys(), (address) => ({ address })),
    domains: remote.domain === undefined ? [] : [remote.domain],
    names: [],
  };
}
