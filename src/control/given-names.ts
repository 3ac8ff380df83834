import type { NodeId, RecordId } from '../policy/block-set.ts';
import type { Subject } from '../policy/records.ts';
import type { Replica } from '../policy/replica.ts';

/** A live name that a person gave. */
export interface GivenName {
  readonly id: RecordId;
  readonly of: Subject;
  readonly text: string;
}

const NONE: readonly GivenName[] = [];

/** The live names by what they name, read anew only after the policy has changed. */
export class GivenNames {
  readonly #replica: Replica;
  #version = -1;
  #byKey = new Map<string, GivenName[]>();

  constructor(replica: Replica) {
    this.#replica = replica;
  }

  /** The names of a node or of one of its class; the one that is shown comes first (policy.md: the greatest id). */
  ofNode(ids: readonly NodeId[]): readonly GivenName[] {
    const [only] = ids;
    if (ids.length === 1 && only !== undefined) return this.of(only);
    return ids.flatMap((id) => this.of(id)).sort(greatestFirst);
  }

  /** The names under one key: a node's id, a peer's key, `home`. */
  of(key: string): readonly GivenName[] {
    this.#read();
    return this.#byKey.get(key) ?? NONE;
  }

  /** What is called so, in any capitals. */
  named(text: string): Subject[] {
    this.#read();
    const word = text.toLowerCase();
    return [...this.#byKey.values()]
      .flat()
      .flatMap((name) => (name.text.toLowerCase() === word ? [name.of] : []));
  }

  #read(): void {
    if (this.#version === this.#replica.liveVersion) return;
    this.#version = this.#replica.liveVersion;
    this.#byKey = new Map();
    for (const { id, record } of this.#replica.live.values()) {
      if (record.kind !== 'name') continue;
      const key = nameKey(record.of);
      this.#byKey.set(
        key,
        [...(this.#byKey.get(key) ?? []), { id, of: record.of, text: record.text }].sort(greatestFirst),
      );
    }
  }
}

function nameKey(of: Subject): string {
  if (of.kind === 'device' || of.kind === 'remote') return of.id;
  return of.kind === 'router' ? of.peer : of.kind;
}

function greatestFirst(x: GivenName, y: GivenName): number {
  return x.id < y.id ? 1 : -1;
}
