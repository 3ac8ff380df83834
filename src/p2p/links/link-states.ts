import type { Clock } from '../../clock.ts';
import type { PeerKey } from '../../policy/crypto.ts';
import type { LinkView } from '../peer-view.ts';

interface State {
  readonly up: boolean;
  /** Monotonic milliseconds. */
  readonly since: number;
  readonly closed: string | undefined;
  /** We are closing it, because of this. */
  readonly ending: string | undefined;
}

const MAX_PEERS = 4_096;
const BROKEN = 'the other side closed it, or the way to it broke';

/** Since when there is a connection with whom, or none, and why the last one was closed. */
export class LinkStates {
  readonly #clock: Clock;
  readonly #began: number;
  readonly #states = new Map<PeerKey, State>();

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#began = clock.monotonic();
  }

  /** The first connection with a peer stands. */
  opened(peer: PeerKey): void {
    const { up, since, closed } = this.#of(peer);
    this.#set(peer, { up: true, since: up ? since : this.#clock.monotonic(), closed, ending: undefined });
  }

  /** We close the connection, for a reason in words. */
  ending(peer: PeerKey, why: string): void {
    this.#set(peer, { ...this.#of(peer), ending: why });
  }

  /** The last connection with a peer ended. */
  closed(peer: PeerKey): void {
    const closed = this.#of(peer).ending ?? BROKEN;
    this.#set(peer, { up: false, since: this.#clock.monotonic(), closed, ending: undefined });
  }

  of(peer: PeerKey): Omit<LinkView, 'reason'> {
    const { up, since, closed } = this.#of(peer);
    return { state: up ? 'up' : 'down', sinceMs: this.#clock.monotonic() - since, closed };
  }

  forget(peer: PeerKey): void {
    this.#states.delete(peer);
  }

  #of(peer: PeerKey): State {
    return this.#states.get(peer) ?? { up: false, since: this.#began, closed: undefined, ending: undefined };
  }

  #set(peer: PeerKey, state: State): void {
    if (this.#states.has(peer) || this.#states.size < MAX_PEERS) this.#states.set(peer, state);
  }
}
