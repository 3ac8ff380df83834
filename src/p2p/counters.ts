/** Counters since the start, by constant name (`gossip.accepted`, `sync.failed`, `refused.stranger` …). */
export type NetworkStats = Readonly<Record<string, number>>;

/** A set of counters under constant names; nothing a peer sends becomes a name. */
export class Counters {
  readonly #counts = new Map<string, number>();

  add(name: string, by = 1): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + by);
  }

  snapshot(): NetworkStats {
    return Object.fromEntries([...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1)));
  }
}
