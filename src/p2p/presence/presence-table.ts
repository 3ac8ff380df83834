import type { Clock } from '../../clock.ts';
import type { Mac, NodeId } from '../../policy/block-set.ts';
import type { PeerKey } from '../../policy/crypto.ts';
import type { PresenceClaim } from '../../policy/presence.ts';
import { isAwake, MAX_CLAIMS } from './presence-feed.ts';
import type { PresenceMessage, ToldClaim } from './presence-wire.ts';

/** So much of one peer's names and addresses is kept, characters. */
const MAX_TEXT_PER_PEER = 512 * 1024;
/** And so many claims of all peers together. */
const MAX_ROWS = 65_536;

interface Row {
  readonly claim: PresenceClaim;
  /** It was heard when it was told, and nobody said since that it is not. */
  readonly awake: boolean;
  readonly size: number;
  statement: number;
}

interface Shelf {
  readonly rows: Map<Mac, Row>;
  size: number;
  /** Counts the whole statements; rows of an older one go when the newest has ended. */
  statement: number;
  /** Claims that did not fit into it since it began. */
  dropped: number;
}

/** What became of a message: taken in; or it does not fit what came before, and everything should be said again. */
export type Taken = 'ok' | 'gap';

/** Which devices the other routers say are behind them. Kept in memory alone, and bounded, whatever they say. */
export class PresenceTable {
  readonly #clock: Clock;
  readonly #idOf: (mac: Mac) => NodeId;
  readonly #shelves = new Map<PeerKey, Shelf>();
  /** How many peers speak of a device. */
  readonly #spokenOf = new Map<NodeId, number>();
  #size = 0;
  /** Grows when a device, or what it is called or where it has addresses, comes or goes. */
  version = 0;
  /** Claims that were not kept because there were too many. */
  dropped = 0;

  /** `idOf`: the id of the device with a MAC. A claim is about its MAC, so nobody can speak of one id by another's MAC. */
  constructor(clock: Clock, idOf: (mac: Mac) => NodeId) {
    this.#clock = clock;
    this.#idOf = idOf;
  }

  /** A peer said something, in order. */
  take(peer: PeerKey, message: PresenceMessage): Taken {
    const shelf = this.#shelves.get(peer) ?? { rows: new Map(), size: 0, statement: 0, dropped: 0 };
    this.#shelves.set(peer, shelf);
    if (message.anew) {
      shelf.statement += 1;
      shelf.dropped = 0;
    }
    let whole = true;
    for (const claim of message.claims) whole = this.#put(shelf, claim) && whole;
    for (const mac of message.gone) this.#remove(shelf, mac);
    if (message.end === 0) return whole ? 'ok' : 'gap';
    for (const [mac, row] of shelf.rows) if (row.statement < shelf.statement) this.#remove(shelf, mac);
    const right = shelf.dropped > 0 || shelf.rows.size === message.end - 1;
    return whole && right ? 'ok' : 'gap';
  }

  /** What a peer claims, times in our own monotonic milliseconds; `now`: until when it can be believed to speak. */
  of(peer: PeerKey, now = this.#clock.monotonic()): PresenceClaim[] {
    return [...(this.#shelves.get(peer)?.rows.values() ?? [])].map(({ claim, awake }) =>
      awake && claim.stay !== undefined ? { ...claim, stay: { since: claim.stay.since, seen: now } } : claim,
    );
  }

  /** Who has said anything that is kept. */
  peers(): PeerKey[] {
    return [...this.#shelves.keys()];
  }

  /** Whether any peer speaks of a device. */
  knows(id: NodeId): boolean {
    return this.#spokenOf.has(id);
  }

  /** When a device came to this peer, if it is there. */
  arrival(peer: PeerKey, mac: Mac): number | undefined {
    return this.#shelves.get(peer)?.rows.get(mac)?.claim.stay?.since;
  }

  forget(peer: PeerKey): void {
    const shelf = this.#shelves.get(peer);
    if (shelf === undefined) return;
    for (const mac of shelf.rows.keys()) this.#remove(shelf, mac);
    this.#shelves.delete(peer);
  }

  /** Forgets the peers of which this holds. */
  prune(isPruned: (peer: PeerKey) => boolean): void {
    for (const peer of this.#shelves.keys()) if (isPruned(peer)) this.forget(peer);
  }

  /** False when it refers to what was told before, and nothing was. */
  #put(shelf: Shelf, told: ToldClaim): boolean {
    const before = shelf.rows.get(told.mac);
    if (before === undefined && told.about === undefined) return shelf.dropped > 0;
    const about =
      told.about === undefined
        ? before?.claim.about
        : {
            node: before?.claim.about.node ?? this.#idOf(told.mac),
            device: true,
            macs: [told.mac],
            domains: [],
            ...told.about,
          };
    if (about === undefined) return false;
    const size = told.about === undefined ? (before?.size ?? 0) : sizeOf(told.about);
    const full = shelf.rows.size >= MAX_CLAIMS || this.#size >= MAX_ROWS;
    if ((before === undefined && full) || shelf.size - (before?.size ?? 0) + size > MAX_TEXT_PER_PEER) {
      shelf.dropped += 1;
      this.dropped += 1;
      return true;
    }
    const now = this.#clock.monotonic();
    const stay = told.stay && { since: now - told.stay.sinceMs, seen: now - told.stay.seenMs };
    const awake = told.stay !== undefined && isAwake(told.stay.seenMs);
    shelf.rows.set(told.mac, {
      claim: { about, stay, bytes: told.bytes },
      awake,
      size,
      statement: shelf.statement,
    });
    shelf.size += size - (before?.size ?? 0);
    if (before === undefined) {
      this.#size += 1;
      this.#spokenOf.set(about.node, (this.#spokenOf.get(about.node) ?? 0) + 1);
    }
    if (told.about !== undefined || (before?.claim.stay === undefined) !== (stay === undefined))
      this.version += 1;
    return true;
  }

  #remove(shelf: Shelf, mac: Mac): void {
    const row = shelf.rows.get(mac);
    if (row === undefined) return;
    shelf.rows.delete(mac);
    shelf.size -= row.size;
    this.#size -= 1;
    this.version += 1;
    const { node } = row.claim.about;
    const others = (this.#spokenOf.get(node) ?? 1) - 1;
    if (others === 0) this.#spokenOf.delete(node);
    else this.#spokenOf.set(node, others);
  }
}

function sizeOf({ addresses, names }: NonNullable<ToldClaim['about']>): number {
  const binding = (sum: number, of: (typeof addresses)[number]) =>
    sum + of.address.length + (of.segment?.length ?? 0);
  return addresses.reduce(
    binding,
    names.reduce((sum, name) => sum + name.length, 0),
  );
}
