import type { NodeId } from '../../policy/block-set.ts';
import type { Record as PolicyRecord } from '../../policy/records.ts';
import { subjectsOf } from '../../policy/references.ts';

/**
 * What may refer to a node. `pattern`: a policy is about it without naming it (a pattern matches its domain, or it answers
 * with an address that is referred to); `merge`: people decided that it is, or is not, the same as another.
 */
export type ReferenceKind = 'policy' | 'pattern' | 'group' | 'name' | 'ignore' | 'merge' | 'flow' | 'view';

/** How many references of each kind there are; kinds without any are left out. */
export type ReferenceCounts = Readonly<Partial<Record<ReferenceKind, number>>>;

export interface NodeReferencesOptions {
  /** The live records of the policy; read anew when `version` has changed. */
  readonly live: () => Iterable<{ readonly record: PolicyRecord }>;
  readonly version: () => number;
  readonly idOfDomain: (domain: string) => NodeId;
  /** Flows that have the node at one of their ends. */
  readonly flows: (id: NodeId) => number;
  /** Whether the cache keeps the node for the policy (NodeCache.referred). */
  readonly referred: (id: NodeId) => boolean;
  /** What holds it for a while (Holds.of): told as views. */
  readonly held: (id: NodeId) => ReadonlyMap<string, number>;
}

const KINDS: Readonly<Partial<Record<PolicyRecord['kind'], ReferenceKind>>> = {
  block: 'policy',
  allow: 'policy',
  in: 'group',
  name: 'name',
  ignore: 'ignore',
};

/** Why a node is kept: what refers to it, counted (design: observation, "Node life"). */
export class NodeReferences {
  readonly #options: NodeReferencesOptions;
  #counted = new Map<NodeId, Map<ReferenceKind, number>>();
  #version: number | undefined;

  constructor(options: NodeReferencesOptions) {
    this.#options = options;
  }

  of(id: NodeId): ReferenceCounts {
    const { version, flows, referred, held } = this.#options;
    const now = version();
    if (now !== this.#version) this.#count();
    this.#version = now;
    const counts: Partial<Record<ReferenceKind, number>> = Object.fromEntries(this.#counted.get(id) ?? []);
    if (referred(id) && Object.keys(counts).length === 0) counts.pattern = 1;
    const [flowCount, views] = [flows(id), [...held(id).values()].reduce((sum, count) => sum + count, 0)];
    if (flowCount > 0) counts.flow = flowCount;
    if (views > 0) counts.view = views;
    return counts;
  }

  #count(): void {
    this.#counted = new Map();
    for (const { record } of this.#options.live()) {
      if (record.kind === 'same' || record.kind === 'distinct') {
        this.#add(record.x, 'merge');
        this.#add(record.y, 'merge');
      }
      const kind = KINDS[record.kind];
      if (kind === undefined) continue;
      const ids = subjectsOf(record).flatMap((subject) => {
        if (subject.kind === 'device' || subject.kind === 'remote') return [subject.id];
        return subject.kind === 'domain' ? [this.#options.idOfDomain(subject.domain)] : [];
      });
      for (const id of new Set(ids)) this.#add(id, kind);
    }
  }

  #add(id: NodeId, kind: ReferenceKind): void {
    const kinds = this.#counted.get(id) ?? new Map<ReferenceKind, number>();
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    this.#counted.set(id, kinds);
  }
}
