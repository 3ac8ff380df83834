import type { Address, Mac } from '../../policy/block-set.ts';
import type { NeighbourEntry } from './neighbours.ts';
import type { Seen } from './seen.ts';

/** The most neighbours that are remembered; the kernel's own default limit is 1,024. */
const MAX_ENTRIES = 16_384;

/**
 * What the kernel last said of each neighbour, so that only what is new is told, and nothing stale takes an address
 * from whoever was seen with it since.
 */
export class NeighbourTable {
  readonly #entries = new Map<string, { interface: string; address: Address; mac: Mac }>();
  /** Told by live news since the current reading began: newer than the reading. */
  readonly #touched = new Set<string>();
  #dropped = 0;

  get size(): number {
    return this.#entries.size;
  }

  /** Entries that were not taken in because the table was full. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Takes in one line. `live`: it is news, not a reading of what has been there for who knows how long. */
  note(entry: NeighbourEntry, live: boolean): Seen | undefined {
    const key = `${entry.interface} ${entry.address}`;
    if (live && this.#touched.size < MAX_ENTRIES) this.#touched.add(key);
    const before = this.#entries.get(key);
    if (entry.state === 'gone' || entry.mac === undefined) {
      this.#entries.delete(key);
      return before === undefined ? undefined : { kind: 'seen', ...before, present: false, fresh: false };
    }
    if (before === undefined && this.#entries.size >= MAX_ENTRIES) {
      this.#dropped += 1;
      return undefined;
    }
    const { interface: name, address, mac, state } = entry;
    const changed = before?.mac !== mac;
    if (changed) this.#entries.set(key, { interface: name, address, mac });
    // Stale and unchanged: nothing was heard of it.
    if (!changed && state === 'stale') return undefined;
    const fresh = changed && (live || before !== undefined || state === 'confirmed');
    const seen = { kind: 'seen', interface: name, address, mac, present: true, fresh } as const;
    return state === 'stale' && !fresh ? { ...seen, stale: true } : seen;
  }

  /** To be called before the kernel is asked for a whole reading. */
  beginReading(): void {
    this.#touched.clear();
  }

  /** Takes in a whole reading: what is no longer in it is gone, unless it was heard of after the reading began. */
  reading(entries: readonly NeighbourEntry[]): Seen[] {
    const seen: Seen[] = [];
    const there = new Set(entries.map((entry) => `${entry.interface} ${entry.address}`));
    for (const [key, before] of this.#entries) {
      if (there.has(key) || this.#touched.has(key)) continue;
      this.#entries.delete(key);
      seen.push({ kind: 'seen', ...before, present: false, fresh: false });
    }
    for (const entry of entries) {
      if (this.#touched.has(`${entry.interface} ${entry.address}`)) continue;
      const one = this.note(entry, false);
      if (one !== undefined) seen.push(one);
    }
    return seen;
  }
}
