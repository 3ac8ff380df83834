import type { NodeId, RecordId } from './block-set.ts';
import type { Record } from './records.ts';
import type { Sightings } from './sightings.ts';

/** What ties nodes together, keeps them apart, or puts them into a group: counted records, live or retired. */
export interface Edge {
  readonly record: Extract<Record, { kind: 'same' | 'distinct' | 'in' }>;
  readonly live: boolean;
}
export type Edges = ReadonlyMap<RecordId, Edge>;

/** Which edges hold; see {@link Classes}. */
interface Selection {
  /** `same` records that tie. */
  readonly same: readonly { readonly x: NodeId; readonly y: NodeId }[];
  /** Pairs whose derived edge does not. */
  readonly distinct: ReadonlySet<string>;
}

/**
 * Which nodes are the same (policy.md, "Identity"). Derived edges come first and never tie two domains: a bare address
 * goes with the domain that it answered for, a device with others that have its universal MAC. Over them lie the
 * decisions of people, which may tie whatever they say.
 *
 * A block covers more than what is shown as one node: it holds on to edges that were retired by somebody whom its author
 * had not heard of. So a split never lifts a block for whoever had not seen it.
 */
export class Classes {
  readonly #edges: Edges;
  readonly #sightings: Sightings;
  readonly #shown: Selection;
  readonly #widest: Selection;

  constructor(edges: Edges, sightings: Sightings) {
    this.#edges = edges;
    this.#sightings = sightings;
    this.#shown = select(
      edges,
      ({ live }) => live,
      ({ live }) => live,
    );
    this.#widest = select(
      edges,
      () => true,
      () => false,
    );
  }

  /** The node and all that are the same, as people see it now. */
  shown(id: NodeId): ReadonlySet<NodeId> {
    return this.#component(id, this.#shown);
  }

  /** The node and all that observation alone ties to it. */
  derived(id: NodeId): ReadonlySet<NodeId> {
    return this.#component(id, { same: [], distinct: this.#shown.distinct });
  }

  /** The node and all that a block of it covers whose author knew `apart` (retired `same`, live `distinct` records). */
  covered(id: NodeId, apart: readonly RecordId[]): ReadonlySet<NodeId> {
    const known = new Set(apart.filter((edge) => this.#edges.has(edge)));
    if (known.size === 0) return this.#component(id, this.#widest);
    const { same, distinct } = select(
      this.#edges,
      ({ live }, edge) => live || !known.has(edge),
      ({ live }, edge) => live && known.has(edge),
    );
    return this.#component(id, { same, distinct });
  }

  /** What an author who blocks this node knows to be taken apart around it. */
  apartAround(id: NodeId): RecordId[] {
    const near = this.#component(id, this.#widest);
    const apart: RecordId[] = [];
    for (const [edge, { record, live }] of this.#edges) {
      if (record.kind === 'in' || (record.kind === 'same') === live) continue;
      if (near.has(record.x) || near.has(record.y)) apart.push(edge);
    }
    return apart;
  }

  /** Everything that can be reached from a node. */
  #component(start: NodeId, selection: Selection): Set<NodeId> {
    const found = new Set<NodeId>([start]);
    for (const id of found) {
      for (const next of this.#derived(id)) if (!selection.distinct.has(pair(id, next))) found.add(next);
      for (const { x, y } of selection.same) {
        if (x === id) found.add(y);
        else if (y === id) found.add(x);
      }
    }
    return found;
  }

  /** The other ends of the derived edges of a node. */
  *#derived(id: NodeId): Generator<NodeId> {
    const seen = this.#sightings.node(id);
    if (seen === undefined) return;
    if (seen.device) {
      yield* this.#sightings.sharingMac(id);
      return;
    }
    for (const address of seen.addresses) {
      const bare = this.#sightings.bareNode(address);
      const domain = bare === undefined ? undefined : this.#sightings.domainOf(address);
      if (bare === undefined || domain === undefined) continue;
      // Of a star only the way between its middle, the domain, and its bare addresses is an edge.
      if (bare === id) yield* this.#sightings.withDomain(domain);
      else if (seen.domains.has(domain)) yield bare;
    }
  }
}

function select(
  edges: Edges,
  ties: (edge: Edge, id: RecordId) => boolean,
  parts: (edge: Edge, id: RecordId) => boolean,
): Selection {
  const same: { x: NodeId; y: NodeId }[] = [];
  const distinct = new Set<string>();
  for (const [id, edge] of edges) {
    const { record } = edge;
    if (record.kind === 'same' && ties(edge, id)) same.push(record);
    else if (record.kind === 'distinct' && parts(edge, id)) distinct.add(pair(record.x, record.y));
  }
  return { same, distinct };
}

function pair(x: NodeId, y: NodeId): string {
  return x < y ? `${x} ${y}` : `${y} ${x}`;
}
