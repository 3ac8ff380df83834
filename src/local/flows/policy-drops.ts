import { messageOf } from '../../errors.ts';
import type { Log } from '../../log.ts';
import { type BlockSet, type RecordId, ROUTER, type Wanted } from '../../policy/block-set.ts';
import type { Service } from '../../service.ts';
import { SEEN, type SeenStore, seenRange } from '../../store/seen-store.ts';
import type { Counter } from '../enforce/backend.ts';
import type { Counts } from '../observe/conntrack.ts';

/** More policies than this are not counted. */
const MAX_POLICIES = 10_000;
const NOTHING: Counts = { packets: 0, bytes: 0 };

export interface PolicyDropsOptions {
  readonly store: Pick<SeenStore, 'put' | 'del' | 'entries'>;
  readonly log: Log;
}

/**
 * What each policy has dropped on this router, over restarts; of what several want each counts all of it. Kept beside the nodes
 * that were seen: a crash loses the newest minutes.
 */
export class PolicyDrops implements Service {
  readonly name = 'policy drops';
  readonly #options: PolicyDropsOptions;
  readonly #totals = new Map<RecordId, Counts>();
  /** The kernel was read since the start: from then on who has no total has dropped nothing. */
  #told = false;
  /** Drops of policies for which there was no room. */
  dropped = 0;

  constructor(options: PolicyDropsOptions) {
    this.#options = options;
  }

  /** Takes up what an earlier run has counted. Never fails: what cannot be read is counted anew. */
  async start(): Promise<void> {
    const prefix = `${SEEN.policies}!`;
    try {
      for await (const [key, value] of this.#options.store.entries(seenRange(SEEN.policies))) {
        const counts = readCounts(value);
        if (counts !== undefined) this.#add(key.slice(prefix.length), counts);
      }
    } catch (error) {
      this.#options.log.warn({ error: messageOf(error) }, 'what policies have dropped cannot be read');
    }
  }

  async stop(): Promise<void> {
    // The store writes what waits when it is closed.
  }

  /** The kernel's counters were read. */
  read(): void {
    this.#told = true;
  }

  /** So much more was dropped for an entry of this block set; what it does not hold any more belongs to nobody. */
  counted(set: BlockSet, added: Counter): void {
    for (const id of wantedOf(set, added) ?? []) {
      const sum = this.#add(id, added);
      if (sum !== undefined)
        this.#options.store.put(
          `${SEEN.policies}!${id}`,
          Buffer.from(JSON.stringify([sum.packets, sum.bytes])),
        );
    }
  }

  /** What a policy has dropped; undefined while nobody can tell. */
  of(id: RecordId): Counts | undefined {
    return this.#totals.get(id) ?? (this.#told ? NOTHING : undefined);
  }

  /** Forgets those that are no policies any more. */
  keep(isLive: (id: RecordId) => boolean): void {
    for (const id of this.#totals.keys()) {
      if (isLive(id)) continue;
      this.#totals.delete(id);
      this.#options.store.del(`${SEEN.policies}!${id}`);
    }
  }

  #add(id: RecordId, { packets, bytes }: Counts): Counts | undefined {
    const before = this.#totals.get(id);
    if (before === undefined && this.#totals.size >= MAX_POLICIES) {
      this.dropped += 1;
      return undefined;
    }
    const sum = { packets: (before?.packets ?? 0) + packets, bytes: (before?.bytes ?? 0) + bytes };
    this.#totals.set(id, sum);
    return sum;
  }
}

/** The records that want what a counter has counted. */
function wantedOf(set: BlockSet, { owner: id, remote }: Counter): Wanted | undefined {
  if (id === undefined) return set.everyone.get(remote);
  const owner = id === ROUTER ? set.own : set.owners.get(id);
  if (remote === 'internet' || remote === 'lan') return owner?.[remote];
  return owner?.remotes.get(remote) ?? owner?.networks.get(remote) ?? set.everyone.get(remote);
}

/** Packets and bytes as they were written; undefined for anything else. Never throws. */
export function readCounts(value: Uint8Array): Counts | undefined {
  try {
    const read: unknown = JSON.parse(Buffer.from(value).toString());
    if (!Array.isArray(read) || read.length !== 2) return undefined;
    const [packets, bytes]: unknown[] = read;
    return isCount(packets) && isCount(bytes) ? { packets, bytes } : undefined;
  } catch {
    return undefined;
  }
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
