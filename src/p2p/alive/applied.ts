import type { Clock } from '../../clock.ts';
import type { PeerKey } from '../../policy/crypto.ts';
import type { OpId } from '../../policy/records.ts';
import type { About } from './about-wire.ts';

/** Up to which state a router's kernel is, as its keep-alives say (overlay.md, "An enforced block is told back"). */
export interface Applied {
  /** The digest of the replica that the kernel was last made equal to; '' before the first time. */
  readonly digest: string;
  /** Ops that reached the kernel lately, oldest first, at most {@link MAX_RECENT}. */
  readonly recent: readonly OpId[];
}

/** What one router answered to a wait: whether it has the op in its kernel, and when we knew, ms after the wait began. */
export interface AppliedAnswer {
  readonly applied: boolean;
  readonly ms: number;
  /** The member that told so in its place; absent when it said so itself. */
  readonly via?: PeerKey;
}

export interface WaitOptions {
  /** How long to wait for the slowest, milliseconds. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/** So many applied ops are told by name; of more at once only the digest tells. */
export const MAX_RECENT = 64;
/** So many ops are remembered per peer. */
const MAX_REMEMBERED = 1_024;
const MAX_PEERS = 4_096;

interface Row {
  digest: string;
  /** Insertion order is age. */
  readonly ops: Set<OpId>;
  /** Ops told of so far, also those that are forgotten. */
  told: number;
  /** The member that told of it last; undefined when it spoke itself. */
  via: PeerKey | undefined;
}

interface Wait {
  readonly op: OpId;
  readonly missing: Set<PeerKey>;
  arrived(peer: PeerKey, via: PeerKey | undefined): void;
}

/** Who has what in its kernel. Bounded: a peer's oldest ops are forgotten, its digest stays. */
export class AppliedTable {
  readonly #clock: Clock;
  readonly #digest: () => string;
  readonly #rows = new Map<PeerKey, Row>();
  readonly #waits = new Set<Wait>();
  /** Reports of peers that no longer fitted into the table. */
  dropped = 0;

  /** @param digest our replica's digest now: a peer that applied the same state applied every op that we hold. */
  constructor(clock: Clock, digest: () => string) {
    this.#clock = clock;
    this.#digest = digest;
  }

  /** A keep-alive of `peer` arrived. True when it told something new. */
  feed(peer: PeerKey, report: Applied): boolean {
    return this.#feed(peer, report.digest, report.recent, undefined);
  }

  /** What `witness` says of a member that we do not hear ourselves. True when it told something new. */
  feedVia(witness: PeerKey, about: Pick<About, 'peer' | 'applied' | 'recent'>): boolean {
    if (about.applied === undefined && about.recent.length === 0) return false;
    return this.#feed(about.peer, about.applied, about.recent, witness);
  }

  #feed(
    peer: PeerKey,
    digest: string | undefined,
    recent: readonly OpId[],
    via: PeerKey | undefined,
  ): boolean {
    let row = this.#rows.get(peer);
    if (row === undefined) {
      if (this.#rows.size >= MAX_PEERS) {
        this.dropped += 1;
        return false;
      }
      row = { digest: '', ops: new Set(), told: 0, via };
      this.#rows.set(peer, row);
    }
    const news = (digest !== undefined && digest !== row.digest) || recent.length > 0;
    row.digest = digest ?? row.digest;
    row.via = via;
    row.told += recent.length;
    for (const op of recent.slice(-MAX_RECENT)) {
      row.ops.delete(op);
      row.ops.add(op);
      const oldest = row.ops.size > MAX_REMEMBERED ? row.ops.values().next().value : undefined;
      if (oldest !== undefined) row.ops.delete(oldest);
    }
    for (const wait of this.#waits) {
      if (wait.missing.has(peer) && this.has(peer, wait.op)) wait.arrived(peer, via);
    }
    return news;
  }

  /** What a peer said of its kernel after the first `told` ops, the newest at most `max`, and how many it told of in all. */
  since(peer: PeerKey, told: number, max: number): { digest: string; recent: OpId[]; told: number } {
    const row = this.#rows.get(peer);
    if (row === undefined) return { digest: '', recent: [], told: 0 };
    // Fewer than before: it was forgotten meanwhile.
    const fresh = Math.min(row.told < told ? row.told : row.told - told, max);
    return {
      digest: row.digest,
      recent: fresh === 0 ? [] : [...row.ops].slice(-fresh),
      told: row.told,
    };
  }

  /** The member that told of a peer's kernel last in its place; undefined when it spoke itself. */
  viaOf(peer: PeerKey): PeerKey | undefined {
    return this.#rows.get(peer)?.via;
  }

  /** True when `peer` said that this op, which we hold, is in its kernel. */
  has(peer: PeerKey, op: OpId): boolean {
    const row = this.#rows.get(peer);
    if (row === undefined) return false;
    return row.ops.has(op) || (row.digest !== '' && row.digest === this.#digest());
  }

  /** The digest that `peer` last applied; '' when it has not said. */
  digestOf(peer: PeerKey): string {
    return this.#rows.get(peer)?.digest ?? '';
  }

  /** The peer is gone, or was restarted: what its kernel holds must be said anew. */
  forget(peer: PeerKey): void {
    this.#rows.delete(peer);
  }

  /**
   * Resolves when every one of `peers` has applied `op` (which our replica must hold already), at the time-out, or
   * when the signal aborts; never rejects. Late ones are told as not applied.
   */
  wait(
    op: OpId,
    peers: Iterable<PeerKey>,
    options: WaitOptions,
  ): Promise<ReadonlyMap<PeerKey, AppliedAnswer>> {
    const began = this.#clock.monotonic();
    const elapsed = () => this.#clock.monotonic() - began;
    const answers = new Map<PeerKey, AppliedAnswer>();
    const missing = new Set(peers);
    return new Promise((resolve) => {
      const end = () => {
        timer.clear();
        options.signal?.removeEventListener('abort', end);
        this.#waits.delete(wait);
        for (const peer of missing) answers.set(peer, { applied: false, ms: elapsed() });
        missing.clear();
        resolve(answers);
      };
      const timer = this.#clock.after(options.timeoutMs, end);
      const wait: Wait = {
        op,
        missing,
        arrived(peer, via) {
          missing.delete(peer);
          answers.set(peer, { applied: true, ms: elapsed(), ...(via === undefined ? {} : { via }) });
          if (missing.size === 0) end();
        },
      };
      this.#waits.add(wait);
      options.signal?.addEventListener('abort', end, { once: true });
      for (const peer of [...missing]) if (this.has(peer, op)) wait.arrived(peer, this.viaOf(peer));
      if (missing.size === 0 || options.signal?.aborted) end();
    });
  }
}

/**
 * Our own side: which of the admitted ops are in our kernel. The enforcing part notes `version` before it takes its
 * snapshot of the replica, and calls `applied()` with it once the kernel holds that snapshot.
 */
export class AppliedLog {
  readonly #waiting: { version: number; op: OpId }[] = [];
  #version = 0;

  /** Counts the admitted ops. */
  get version(): number {
    return this.#version;
  }

  /** An op was admitted, by whichever way; answers the version that includes it. */
  admitted(op: OpId): number {
    this.#version += 1;
    this.#waiting.push({ version: this.#version, op });
    // More than a report can name: the digest will tell of the oldest.
    if (this.#waiting.length > MAX_RECENT) this.#waiting.shift();
    return this.#version;
  }

  /** The kernel holds everything up to `version`, whose replica had `digest`: what to say to the others. */
  applied(version: number, digest: string): Applied {
    const later = this.#waiting.findIndex((entry) => entry.version > version);
    const done = this.#waiting.splice(0, later === -1 ? this.#waiting.length : later);
    return { digest, recent: done.map((entry) => entry.op) };
  }
}
