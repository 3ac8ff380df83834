import type { PeerKey } from '../../policy/crypto.ts';

/** So many members are asked for in one keep-alive. */
export const MAX_ASKS = 64;
/** What is asked is chosen anew so often, milliseconds: members come and go. */
const ANEW_MS = 1_000;
/** A turn lasts so long, milliseconds: with each the whole list is said again on every link. */
const TURN_MS = 30_000;

/** For which members the others are asked: suspects first; the rest take turns when there are more than fit. */
export class Asks {
  #peers: readonly PeerKey[] = [];
  #chosenAt = Number.NEGATIVE_INFINITY;
  /** Whose turn it is. */
  #turn: readonly PeerKey[] = [];
  #turnedAt = Number.NEGATIVE_INFINITY;
  #next = 0;

  /** What was chosen stands; undefined when it is to be chosen anew. */
  at(now: number): readonly PeerKey[] | undefined {
    return now - this.#chosenAt < ANEW_MS ? this.#peers : undefined;
  }

  choose(suspects: readonly PeerKey[], others: readonly PeerKey[], now: number): readonly PeerKey[] {
    const isOver = now - this.#turnedAt >= TURN_MS;
    if (isOver) this.#turnedAt = now;
    const room = Math.max(0, MAX_ASKS - suspects.length);
    this.#turn = this.#fill(isOver ? [] : this.#turn, others, room);
    this.#peers = [...suspects, ...this.#turn].slice(0, MAX_ASKS);
    this.#chosenAt = now;
    return this.#peers;
  }

  /** Somebody's state changed. */
  outdated(): void {
    this.#chosenAt = Number.NEGATIVE_INFINITY;
  }

  /** Those of a turn who are still asked for, and the next ones in place of the rest. */
  #fill(turn: readonly PeerKey[], others: readonly PeerKey[], room: number): PeerKey[] {
    const wanted = new Set(others);
    const filled = new Set(turn.filter((peer) => wanted.has(peer)).slice(0, room));
    for (let i = 0; i < others.length && filled.size < room; i++) {
      const peer = others[this.#next++ % others.length];
      if (peer !== undefined) filled.add(peer);
    }
    return [...filled];
  }
}

/** What is asked on one stream of keep-alives: said in full when it is another than before, else with one flag. */
export class Question {
  #said: ReadonlySet<PeerKey> = new Set();
  /** Whether the other side knows the flag: it has said so. */
  isRemembered = false;

  /** What the next frame says of it. To be called for frames that go out only. */
  next(peers: readonly PeerKey[]): { readonly asks: readonly PeerKey[]; readonly again: boolean } {
    const isSame = peers.length === this.#said.size && peers.every((peer) => this.#said.has(peer));
    if (!isSame) this.#said = new Set(peers);
    const again = isSame && this.isRemembered && peers.length > 0;
    return { asks: again ? [] : peers, again };
  }
}
