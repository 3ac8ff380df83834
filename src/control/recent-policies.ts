import type { RecordId } from '../policy/block-set.ts';
import type { Live } from '../policy/contents.ts';
import type { Op } from '../policy/op.ts';
import { isoTime } from './book/terms.ts';
import type { Directory } from './directory.ts';
import type { Happening } from './recent.ts';
import { isShown } from './views/shown.ts';
import { labels, recordWords } from './views/words.ts';

/** So many changes at most are read to find out who lifted a policy. */
const MAX_READ = 200;

/** The policy as far as news of it goes. */
export interface RecentReplica {
  readonly liveVersion: number;
  readonly live: ReadonlyMap<RecordId, Live>;
  /** The newest ops first. */
  recent(limit: number): Iterable<Op>;
}

/** Tells which policies were made and lifted since the last look, by comparing what holds with what held. */
export class RecentPolicies {
  readonly #replica: RecentReplica;
  readonly #directory: Directory;
  #held: ReadonlyMap<RecordId, { readonly text: string }> | undefined;
  #version = -1;

  constructor(replica: RecentReplica, directory: Directory) {
    this.#replica = replica;
    this.#directory = directory;
  }

  /** What holds is forgotten: the next look tells nothing. */
  forget(): void {
    this.#held = undefined;
    this.#version = -1;
  }

  /** @param now wall clock, for those that nobody lifted by a change that is found */
  look(now: number): Happening[] {
    if (this.#replica.liveVersion === this.#version) return [];
    this.#version = this.#replica.liveVersion;
    const label = labels(this.#directory);
    const held = new Map<RecordId, { text: string }>();
    const told: Happening[] = [];
    for (const [id, { op, record }] of this.#replica.live) {
      if (!isShown(record)) continue;
      const text = this.#held?.get(id)?.text ?? recordWords(record, label);
      held.set(id, { text });
      if (this.#held === undefined || this.#held.has(id)) continue;
      const router = this.#directory.routerName(op.peer);
      told.push({ at: isoTime(op.at), kind: 'policy.made', id, text, by: op.by, router });
    }
    const lifted = [...(this.#held ?? [])].filter(([id]) => !held.has(id));
    const lifters = lifted.length === 0 ? new Map<RecordId, Op>() : this.#lifters();
    for (const [id, { text }] of lifted) {
      const op = lifters.get(id);
      const by = op?.by ?? 'unknown';
      const router = op === undefined ? '' : this.#directory.routerName(op.peer);
      told.push({ at: isoTime(op?.at ?? now), kind: 'policy.lifted', id, text, by, router });
    }
    this.#held = held;
    return told;
  }

  #lifters(): Map<RecordId, Op> {
    const lifters = new Map<RecordId, Op>();
    for (const op of this.#replica.recent(MAX_READ)) {
      for (const id of op.over) if (!lifters.has(id)) lifters.set(id, op);
    }
    return lifters;
  }
}
