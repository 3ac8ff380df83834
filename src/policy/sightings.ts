import { isPrivate, isSpecial } from './address.ts';
import type { Address, Mac, NodeId } from './block-set.ts';
import type { Descriptor } from './descriptor.ts';
import { registrable } from './registrable.ts';

/** What a node is here, all descriptions of it together. */
export interface Seen {
  readonly device: boolean;
  /** Those that mean something here. */
  readonly addresses: ReadonlySet<Address>;
  readonly macs: ReadonlySet<Mac>;
  readonly domains: ReadonlySet<string>;
}

export interface Surroundings {
  /** The segments of this router: private addresses of any other mean nothing here. */
  readonly segments: ReadonlySet<string>;
  /** MACs of routers and next hops, which are never devices. */
  readonly routerMacs: ReadonlySet<Mac>;
  /** Domains that answered with an address besides those of the nodes that were put in. */
  readonly alsoAnswered?: (address: Address) => Iterable<string>;
}

const NONE: ReadonlySet<never> = new Set();

/**
 * The nodes that matter to the policy, as this router and the registers of the others describe them, kept node by node.
 * What a change touches is remembered until it is taken, so that deciding costs what changed.
 */
export class Sightings {
  readonly #surroundings: Surroundings;
  /** Node → source → its description. */
  readonly #described = new Map<NodeId, Map<string, Descriptor>>();
  readonly #nodes = new Map<NodeId, Seen>();
  readonly #devices = new Set<NodeId>();
  readonly #byDomain = new Map<string, Set<NodeId>>();
  /** Which domains answered with an address. */
  readonly #answers = new Map<Address, Set<string>>();
  /** Remotes of which only the address is known. */
  readonly #bare = new Map<Address, NodeId>();
  readonly #byMac = new Map<Mac, Set<NodeId>>();
  readonly #suffixes = new Map<string, Set<NodeId>>();
  #touched = new Set<NodeId>();

  constructor(surroundings: Surroundings) {
    this.#surroundings = surroundings;
  }

  /** All devices that are described. */
  get devices(): ReadonlySet<NodeId> {
    return this.#devices;
  }

  node(id: NodeId): Seen | undefined {
    return this.#nodes.get(id);
  }

  addresses(id: NodeId): ReadonlySet<Address> {
    return this.#nodes.get(id)?.addresses ?? NONE;
  }

  /** The remote of which nothing but this address is known. */
  bareNode(address: Address): NodeId | undefined {
    return this.#bare.get(address);
  }

  /** The nodes that have a domain: one, as a rule. */
  withDomain(domain: string): ReadonlySet<NodeId> {
    return this.#byDomain.get(domain) ?? NONE;
  }

  /** Devices with one of these universal MACs (IEEE 802: bit 1 of the first octet is 0): the same machine. */
  sharingMac(id: NodeId): NodeId[] {
    const macs = [...(this.#nodes.get(id)?.macs ?? [])].filter(isUniversal);
    return macs.flatMap((mac) => [...(this.#byMac.get(mac) ?? [])]).filter((other) => other !== id);
  }

  /** The domain that a bare address stands for: the least of those that answered with it, while they have one owner. */
  domainOf(address: Address): string | undefined {
    const known = this.#answers.get(address);
    if (known === undefined) return undefined;
    const domains = new Set(known);
    for (const domain of this.#surroundings.alsoAnswered?.(address) ?? []) domains.add(domain);
    const owners = new Set([...domains].map(registrable));
    return owners.size === 1 ? [...known].sort()[0] : undefined;
  }

  /** The nodes whose domain is `suffix` or ends with it, label by label. The first question makes an index. */
  under(suffix: string): ReadonlySet<NodeId> {
    let nodes = this.#suffixes.get(suffix);
    if (nodes === undefined) {
      nodes = new Set();
      for (const [domain, ids] of this.#byDomain) {
        if (endsWith(domain, suffix)) for (const id of ids) nodes.add(id);
      }
      this.#suffixes.set(suffix, nodes);
    }
    return nodes;
  }

  /** What one source (this router, a peer) says of a node; undefined: nothing any more. */
  put(source: string, id: NodeId, descriptor: Descriptor | undefined): void {
    const described = this.#described.get(id) ?? new Map<string, Descriptor>();
    if (descriptor === undefined && !described.has(source)) return;
    if (descriptor === undefined) described.delete(source);
    else described.set(source, descriptor);
    if (described.size === 0) this.#described.delete(id);
    else this.#described.set(id, described);
    const before = this.#nodes.get(id);
    const after = this.#merged(described.values());
    if (before !== undefined) this.#take(id, before);
    if (after !== undefined) this.#add(id, after);
    this.#touched.add(id);
    for (const address of new Set([...(before?.addresses ?? []), ...(after?.addresses ?? [])])) {
      if (before?.addresses.has(address) !== after?.addresses.has(address)) this.touch(address);
    }
  }

  /** Who answers with an address has changed: what stands for it may have. */
  touch(address: Address): void {
    const bare = this.#bare.get(address);
    if (bare === undefined) return;
    this.#touched.add(bare);
    for (const domain of this.#answers.get(address) ?? []) {
      for (const id of this.#byDomain.get(domain) ?? []) this.#touched.add(id);
    }
  }

  /** The nodes of which anything has changed since the last call. */
  takeTouched(): ReadonlySet<NodeId> {
    const touched = this.#touched;
    if (touched.size > 0) this.#touched = new Set();
    return touched;
  }

  #merged(descriptors: Iterable<Descriptor>): Seen | undefined {
    const { segments, routerMacs } = this.#surroundings;
    let seen: { device: boolean; addresses: Set<Address>; macs: Set<Mac>; domains: Set<string> } | undefined;
    for (const descriptor of descriptors) {
      const { device, macs, addresses, domains } = descriptor;
      if (device && macs.some((mac) => routerMacs.has(mac))) continue;
      seen ??= { device: false, addresses: new Set(), macs: new Set(), domains: new Set() };
      if (device) seen.device = true;
      for (const mac of macs) seen.macs.add(mac);
      if (!device) for (const domain of domains) seen.domains.add(domain);
      for (const { address, segment } of addresses) {
        const here = segment === undefined ? !device : segments.has(segment);
        if (!isSpecial(address) && (here || !isPrivate(address))) seen.addresses.add(address);
      }
    }
    return seen;
  }

  #add(id: NodeId, { device, addresses, macs, domains }: Seen): void {
    this.#nodes.set(id, { device, addresses, macs, domains });
    if (device) {
      this.#devices.add(id);
      for (const mac of macs) into(this.#byMac, mac, id);
      return;
    }
    if (domains.size === 0) for (const address of addresses) this.#bare.set(address, id);
    for (const domain of domains) {
      into(this.#byDomain, domain, id);
      for (const address of addresses) into(this.#answers, address, domain);
      for (const [suffix, ids] of this.#suffixes) if (endsWith(domain, suffix)) ids.add(id);
    }
  }

  #take(id: NodeId, { device, addresses, macs, domains }: Seen): void {
    this.#nodes.delete(id);
    this.#devices.delete(id);
    if (device) {
      for (const mac of macs) outOf(this.#byMac, mac, id);
      return;
    }
    for (const address of addresses) if (this.#bare.get(address) === id) this.#bare.delete(address);
    for (const domain of domains) {
      outOf(this.#byDomain, domain, id);
      const others = this.#byDomain.get(domain) ?? NONE;
      for (const address of addresses) {
        if (![...others].some((other) => this.addresses(other).has(address)))
          outOf(this.#answers, address, domain);
      }
      for (const [suffix, ids] of this.#suffixes) if (endsWith(domain, suffix)) ids.delete(id);
    }
  }
}

/** Label by label: `ads.example` and `x.ads.example` end with `ads.example`, `bads.example` does not. */
export function endsWith(domain: string, suffix: string): boolean {
  return domain === suffix || domain.endsWith(`.${suffix}`);
}

function isUniversal(mac: Mac): boolean {
  return (Number.parseInt(mac.slice(0, 2), 16) & 2) === 0;
}

function into<K, V>(map: Map<K, Set<V>>, key: K, value: V): void {
  const set = map.get(key);
  if (set === undefined) map.set(key, new Set([value]));
  else set.add(value);
}

function outOf<K, V>(map: Map<K, Set<V>>, key: K, value: V): void {
  const set = map.get(key);
  set?.delete(value);
  if (set?.size === 0) map.delete(key);
}
