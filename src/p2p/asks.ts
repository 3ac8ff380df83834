import type { PeerKey } from '../policy/crypto.ts';

/** So many members are asked for in one keep-alive. */
export const MAX_ASKS = 64;
/** What is asked is chosen anew so often, milliseconds. */
const ANEW_MS = 1_000;

/** For which members the others are asked: suspects first; the rest take turns when there are more than fit. */
export class Asks {
  #peers: readonly PeerKey[] = [];
  #chosenAt = Number.NEGATIVE_INFINITY;
  #turn = 0;

  /** What was chosen stands; undefined when it is to be chosen anew. */
  at(now: number): readonly PeerKey[] | undefined {
    return now - this.#chosenAt < ANEW_MS ? this.#peers : undefined;
  }

  choose(suspects: readonly PeerKey[], others: readonly PeerKey[], now: number): readonly PeerKey[] {
    const room = Math.min(others.length, Math.max(0, MAX_ASKS - suspects.length));
    const from = room < others.length ? this.#turn % others.length : 0;
    this.#turn += room;
    const turn = [...others.slice(from), ...others.slice(0, from)].slice(0, room);
    this.#peers = [...suspects, ...turn].slice(0, MAX_ASKS);
    this.#chosenAt = now;
    return this.#peers;
  }

  /** Somebody's state changed. */
  outdated(): void {
    this.#chosenAt = Number.NEGATIVE_INFINITY;
  }
}
