import type { Address, NodeId } from '../../policy/block-set.ts';
import type { Descriptor } from '../../policy/descriptor.ts';
import type { References } from '../../policy/references.ts';
import { registrable } from '../../policy/registrable.ts';
import { endsWith } from '../../policy/sightings.ts';
import type { NodeCache } from './node-cache.ts';

/** So many nodes a pattern may keep; a name that is made up for every question must not fill the cache. */
const MAX_MATCHES = 5_000;

/**
 * The nodes of this router that the policy is about: what it refers to, what its patterns match, and the domains that answer
 * with an address it refers to. Kept change by change; the cache is told, so that it keeps them and reports them at once.
 */
export class PersistentNodes {
  readonly #cache: NodeCache;
  readonly #told: (id: NodeId) => Iterable<Descriptor>;
  #references: References = { ids: new Set(), suffixes: new Set() };
  #matched = new Map<string, Set<NodeId>>();
  /** The addresses that are referred to as such. */
  #bare = new Set<Address>();
  #tied = new Set<NodeId>();
  #ids: ReadonlySet<NodeId> = new Set();
  #news = false;

  /** `told`: what other routers say of a node. */
  constructor(cache: NodeCache, told: (id: NodeId) => Iterable<Descriptor> = () => []) {
    this.#cache = cache;
    this.#told = told;
  }

  /** Another object when it changed. */
  get ids(): ReadonlySet<NodeId> {
    return this.#ids;
  }

  /** The policy has changed. */
  refer(references: References): void {
    this.#references = references;
    const matched = new Map<string, Set<NodeId>>();
    for (const suffix of references.suffixes)
      matched.set(suffix, this.#matched.get(suffix) ?? this.#scan(suffix));
    this.#matched = matched;
    this.#bare = new Set();
    for (const id of references.ids) this.#noteBare(id);
    this.#tied = new Set();
    for (const address of this.#bare) this.#tie(address);
    this.#tell();
  }

  /** These nodes have changed, here or as others tell; undefined: any. */
  changed(ids: ReadonlySet<NodeId> | undefined): void {
    if (ids === undefined) {
      this.#matched.clear();
      this.refer(this.#references);
      return;
    }
    this.#news = false;
    for (const id of ids) this.#look(id);
    if (this.#news) this.#tell();
  }

  #look(id: NodeId): void {
    if (this.#references.ids.has(id)) {
      for (const address of this.#noteBare(id)) this.#tie(address);
    }
    const descriptor = this.#cache.descriptor(id);
    if (descriptor === undefined) {
      for (const nodes of [this.#tied, ...this.#matched.values()]) if (nodes.delete(id)) this.#news = true;
      return;
    }
    for (const domain of descriptor.domains) {
      for (const [suffix, nodes] of this.#matched) {
        if (endsWith(domain, suffix) && nodes.size < MAX_MATCHES) this.#add(nodes, id);
      }
    }
    if (descriptor.device) return;
    for (const { address } of descriptor.addresses) if (this.#bare.has(address)) this.#tie(address);
  }

  #scan(suffix: string): Set<NodeId> {
    const nodes = new Set<NodeId>();
    for (const [domain, id] of this.#cache.domains()) {
      if (nodes.size >= MAX_MATCHES) break;
      if (endsWith(domain, suffix)) nodes.add(id);
    }
    return nodes;
  }

  #noteBare(id: NodeId): Address[] {
    const own = this.#cache.descriptor(id);
    const addresses = [...(own === undefined ? [] : [own]), ...this.#told(id)]
      .filter(({ device, domains }) => !device && domains.length === 0)
      .flatMap((descriptor) => descriptor.addresses.map(({ address }) => address));
    for (const address of addresses) this.#bare.add(address);
    return addresses;
  }

  /** The domains that an address answered for are the same node while they have one owner. */
  #tie(address: Address): void {
    const domains = this.#cache.domainsOf(address);
    if (new Set(domains.map(registrable)).size !== 1) return;
    for (const domain of domains) {
      const id = this.#cache.remoteByDomain(domain);
      if (id !== undefined) this.#add(this.#tied, id);
    }
  }

  #add(nodes: Set<NodeId>, id: NodeId): void {
    if (nodes.has(id)) return;
    nodes.add(id);
    this.#news = true;
  }

  #tell(): void {
    const ids = new Set([...this.#references.ids, ...this.#tied]);
    for (const nodes of this.#matched.values()) for (const id of nodes) ids.add(id);
    this.#ids = ids;
    this.#cache.refer(ids, (domain, addresses) => {
      if (this.#references.suffixes.values().some((suffix) => endsWith(domain, suffix))) return true;
      return this.#bare.size > 0 && [...addresses].some((address) => this.#bare.has(address));
    });
  }
}
