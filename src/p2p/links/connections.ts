import type { PeerKey } from '../../policy/crypto.ts';

/** What decides between two connections to one peer. */
export interface Candidate {
  readonly id: string;
  readonly direction: 'inbound' | 'outbound';
}

/** A candidate with the monotonic time at which we saw it open, milliseconds. */
export interface Dated<C extends Candidate> {
  readonly connection: C;
  readonly openedAt: number;
}

/** Connections that opened within so many milliseconds of each other were dialled at the same time. */
const SIMULTANEOUS_MS = 2_000;

/**
 * The connection to keep of several with one peer; both sides come to the same choice. Dialled at the same time by
 * both: the one that the lower key dialled. Otherwise the newest, because its dialler had lost the older one.
 */
export function keep<C extends Candidate>(
  self: PeerKey,
  peer: PeerKey,
  candidates: readonly Dated<C>[],
): Dated<C> | undefined {
  const dialler = (c: Dated<C>) => (c.connection.direction === 'outbound' ? self : peer);
  return candidates.reduce<Dated<C> | undefined>((best, next) => {
    if (best === undefined) return next;
    const [older, newer] = best.openedAt <= next.openedAt ? [best, next] : [next, best];
    const together = newer.openedAt - older.openedAt < SIMULTANEOUS_MS;
    if (!together || dialler(older) === dialler(newer)) return newer;
    return dialler(older) < dialler(newer) ? older : newer;
  }, undefined);
}

/** The open connections with the time at which each opened. */
export class OpenConnections<C extends Candidate> {
  readonly #self: PeerKey;
  readonly #open = new Map<PeerKey, Dated<C>[]>();

  constructor(self: PeerKey) {
    this.#self = self;
  }

  /** Notes a new connection; answers those that are now one too many, perhaps the new one itself. */
  opened(peer: PeerKey, connection: C, now: number): C[] {
    const all = [...(this.#open.get(peer) ?? []), { connection, openedAt: now }];
    const kept = keep(this.#self, peer, all);
    this.#open.set(peer, kept === undefined ? [] : [kept]);
    return all.filter((dated) => dated !== kept).map((dated) => dated.connection);
  }

  /** True when it was the one that was kept. */
  closed(peer: PeerKey, connection: C): boolean {
    const before = this.#open.get(peer) ?? [];
    const after = before.filter((dated) => dated.connection.id !== connection.id);
    if (after.length === 0) this.#open.delete(peer);
    else this.#open.set(peer, after);
    return after.length < before.length;
  }

  /** For how long the connection with a peer has stood, milliseconds; undefined without one. */
  ageOf(peer: PeerKey, now: number): number | undefined {
    const [dated] = this.#open.get(peer) ?? [];
    return dated === undefined ? undefined : now - dated.openedAt;
  }

  peers(): PeerKey[] {
    return [...this.#open.keys()];
  }
}
