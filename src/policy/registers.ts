import type { NodeId } from './block-set.ts';
import { type Crypto, fromHex, type PeerKey, toHex } from './crypto.ts';
import type { Descriptor } from './descriptor.ts';
import type { HomeId } from './identity.ts';
import { News } from './news.ts';
import { encodeRegister, type Register, type RouterCard, readRegister } from './register-codec.ts';

/** Where one stands in a peer's registers: its generation, then the number of its changes. */
export interface Stamp {
  readonly gen: number;
  readonly rev: number;
}

export type RegisterVerdict = 'ok' | 'held' | 'stranger' | 'rubbish' | 'full';

/** A peer may describe so many nodes; the next is refused with `full`. */
export const MAX_REGISTERS_PER_PEER = 5_000;

interface Shelf {
  /** By node id; the router's own card under ''. */
  readonly byKey: Map<string, Register>;
  /** Everything up to here is held. */
  upTo: Stamp;
  /** The greatest stamp that was taken. */
  newest: Stamp;
}

const NOTHING: Stamp = { gen: 0, rev: 0 };

export interface RegistersOptions {
  readonly home: HomeId;
  readonly crypto: Crypto;
  /** Whether registers of a peer are wanted at all. */
  readonly isMember: (peer: PeerKey) => boolean;
  /** Told of every register that was taken. `authored`: written here just now, so it tells nobody here anything new. */
  readonly onAdmitted?: (register: Register, authored: boolean) => void;
}

/**
 * What each router says of itself and of the persistent nodes it sees: (peer, node) → the greatest (gen, rev).
 * Synced like scuttlebutt: an in-order sync moves `upTo`, gossip may run ahead of it. Gossip moves it only when it brings
 * the very next change: `rev` counts all of a peer's registers, so that nothing can lie between.
 */
export class Registers {
  readonly #options: RegistersOptions;
  readonly #shelves = new Map<PeerKey, Shelf>();
  readonly #news = new News<string>();
  #version = 0;
  #full = 0;
  #digest: { readonly of: string; readonly hash: string } | undefined;

  constructor(options: RegistersOptions) {
    this.#options = options;
  }

  /** Grows with every register that was taken. */
  get version(): number {
    return this.#version;
  }

  /** The nodes that were described anew or no longer since the last call, as `<peer> <node>`; undefined: too many. */
  takeChanged(): ReadonlySet<string> | undefined {
    return this.#news.take();
  }

  /** Registers refused because their peer describes too many nodes. */
  get refusedFull(): number {
    return this.#full;
  }

  /**
   * Per member, up to where everything is held. Without those of whom something of a later generation ran ahead: it may
   * come from a life that the peer itself has forgotten, and then nobody but us can tell. What somebody said who is no
   * member any more is taken by nobody, so that two routers that differ in it are equal.
   */
  vector(): ReadonlyMap<PeerKey, Stamp> {
    const whole = [...this.#shelves].filter(
      ([peer, { upTo, newest }]) => upTo.rev > 0 && newest.gen === upTo.gen && this.#options.isMember(peer),
    );
    return new Map(whole.map(([peer, { upTo }]) => [peer, upTo]));
  }

  /** SHA-256 over the vector. Every keep-alive and every view of a peer asks for it: hashed when the vector has changed. */
  get digest(): string {
    const lines = [...this.vector()].map(([peer, { gen, rev }]) => peer + number(gen) + number(rev)).sort();
    const of = lines.join('');
    if (this.#digest?.of !== of) {
      const hash = toHex(this.#options.crypto.sha256(fromHex(of) ?? new Uint8Array(0)));
      this.#digest = { of, hash };
    }
    return this.#digest.hash;
  }

  /**
   * What a holder of `theirs` lacks, of each peer in order of (gen, rev). Also what ran ahead of our own mark: it may
   * stand in the place of one that is not.
   */
  since(theirs: ReadonlyMap<PeerKey, Stamp>): { peer: PeerKey; envelopes: Uint8Array[] }[] {
    const all: { peer: PeerKey; envelopes: Uint8Array[] }[] = [];
    for (const [peer, { byKey, newest }] of this.#shelves) {
      const from = theirs.get(peer) ?? NOTHING;
      if (compare(newest, from) <= 0 || !this.#options.isMember(peer)) continue;
      const registers = [...byKey.values()].filter((register) => compare(register, from) > 0).sort(compare);
      all.push({ peer, envelopes: registers.map((register) => register.envelope) });
    }
    return all;
  }

  /** Verifies and takes a register, from wherever it came. One signature check, none for what would change nothing. */
  admit(envelope: Uint8Array): RegisterVerdict {
    const { home, crypto, isMember } = this.#options;
    const read = readRegister(envelope, home);
    if (read === undefined) return 'rubbish';
    if (!isMember(read.register.peer)) return 'stranger';
    if (this.#changesNothing(read.register)) return 'held';
    return read.isSigned(crypto) ? this.#take(read.register, false) : 'rubbish';
  }

  /**
   * Everything of this peer up to `upTo` has been admitted: an in-order sync ended. Never beyond the newest that is held,
   * whatever a peer claims. Without `upTo` it is all that is held: our own, in the order in which we wrote them. A peer
   * begins a generation with all that it has to say: what it said in an older one ends with that.
   */
  advance(peer: PeerKey, upTo?: Stamp): void {
    const shelf = this.#shelves.get(peer);
    if (shelf === undefined) return;
    const to = upTo !== undefined && compare(upTo, shelf.newest) < 0 ? upTo : shelf.newest;
    if (compare(to, shelf.upTo) <= 0) return;
    if (to.gen > shelf.upTo.gen) {
      for (const [key, { gen }] of shelf.byKey) {
        if (gen >= to.gen) continue;
        shelf.byKey.delete(key);
        this.#news.add(`${peer} ${key}`);
      }
    }
    shelf.upTo = { gen: to.gen, rev: to.rev };
  }

  /** Writes the next register of our own. `about` undefined takes it back: the node is not described any more. */
  author(
    key: { peer: PeerKey; sign(message: Uint8Array): Uint8Array },
    stamp: Stamp,
    node: NodeId | undefined,
    about: Descriptor | RouterCard | undefined,
  ): Register {
    const envelope = encodeRegister(this.#options.home, key.peer, stamp, node, about, key.sign);
    const read = readRegister(envelope, this.#options.home);
    if (read === undefined) throw new RangeError('our own register cannot be read');
    if (this.#take(read.register, true) === 'ok') this.advance(key.peer);
    return read.register;
  }

  /** All registers of one peer. */
  of(peer: PeerKey): readonly Register[] {
    return [...(this.#shelves.get(peer)?.byKey.values() ?? [])];
  }

  /** All registers of all peers. */
  *all(): Iterable<Register> {
    for (const shelf of this.#shelves.values()) yield* shelf.byKey.values();
  }

  /** What a peer says of a node. */
  register(peer: PeerKey, node: NodeId): Register | undefined {
    return this.#shelves.get(peer)?.byKey.get(node);
  }

  /** What the members say of a node. */
  *describing(node: NodeId): Iterable<Descriptor> {
    for (const [peer, { byKey }] of this.#shelves) {
      const descriptor = byKey.get(node)?.descriptor;
      if (descriptor !== undefined && this.#options.isMember(peer)) yield descriptor;
    }
  }

  /** What anybody has said of a node, also those that are no members any more. */
  *saying(node: NodeId): Iterable<Descriptor> {
    for (const { byKey } of this.#shelves.values()) {
      const descriptor = byKey.get(node)?.descriptor;
      if (descriptor !== undefined) yield descriptor;
    }
  }

  /** What a router says of itself. */
  card(peer: PeerKey): RouterCard | undefined {
    return this.#shelves.get(peer)?.byKey.get('')?.card;
  }

  /** As new or newer is held of that node, and it is not what the mark waits for: {@link #take} would do nothing. */
  #changesNothing(register: Register): boolean {
    const shelf = this.#shelves.get(register.peer);
    if (shelf === undefined) return false;
    const { gen, rev } = register;
    if (gen === shelf.upTo.gen && rev === shelf.upTo.rev + 1) return false;
    const held = shelf.byKey.get(register.node ?? '');
    return gen < shelf.upTo.gen || (held !== undefined && compare(register, held) <= 0);
  }

  #take(register: Register, authored: boolean): RegisterVerdict {
    let shelf = this.#shelves.get(register.peer);
    if (shelf === undefined) {
      shelf = { byKey: new Map(), upTo: NOTHING, newest: NOTHING };
      this.#shelves.set(register.peer, shelf);
    }
    const key = register.node ?? '';
    const held = shelf.byKey.get(key);
    if (held === undefined && shelf.byKey.size >= MAX_REGISTERS_PER_PEER) {
      this.#full += 1;
      return 'full';
    }
    const { gen, rev } = register;
    if (gen === shelf.upTo.gen && rev === shelf.upTo.rev + 1) shelf.upTo = { gen, rev };
    if (gen < shelf.upTo.gen || (held !== undefined && compare(register, held) <= 0)) return 'held';
    shelf.byKey.set(key, register);
    this.#news.add(`${register.peer} ${key}`);
    if (compare(register, shelf.newest) > 0) shelf.newest = { gen, rev };
    this.#version += 1;
    this.#options.onAdmitted?.(register, authored);
    return 'ok';
  }
}

/** Order of stamps. */
export function compare(x: Stamp, y: Stamp): number {
  return x.gen - y.gen || x.rev - y.rev;
}

function number(value: number): string {
  return value.toString(16).padStart(16, '0');
}
