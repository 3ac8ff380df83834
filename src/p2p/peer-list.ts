import type { PeerKey } from '../policy/crypto.ts';
import type { PeerClock } from './clocks.ts';
import type { Links } from './links/links.ts';
import type { Overlay } from './overlay.ts';
import type { PeerTable } from './peer-table.ts';
import type { PeerState, PeerView } from './peer-view.ts';
import type { Trust } from './trust.ts';

export interface PeerListOptions {
  readonly table: PeerTable;
  readonly trust: Trust;
  readonly overlay: Overlay;
  readonly links: Links;
}

/** The members as the rest of the agent sees them. */
export class PeerList {
  readonly #options: PeerListOptions;

  constructor(options: PeerListOptions) {
    this.#options = options;
  }

  /** All members but ourselves, and sponsors while joining, sorted by key. */
  views(): readonly PeerView[] {
    const { table, trust, overlay, links } = this.#options;
    return trust.others().map((peer) => {
      const view = table.view(peer);
      const address = view.address ?? links.addressOf(peer);
      const link = { ...view.link, reason: links.reasonOf(peer) };
      return { ...view, address, link, connections: overlay.connections(peer).length };
    });
  }

  /** Members that were heard of within half of their tolerance. */
  alive(): readonly PeerKey[] {
    const { table, trust } = this.#options;
    return trust.others().filter((peer) => table.liveness.of(peer).state === 'alive');
  }

  /** Members that are alive and connected, and those that others hear while we do not: ops are relayed. */
  reachable(): readonly PeerKey[] {
    const { table, trust, overlay } = this.#options;
    return trust.others().filter((peer) => {
      const { state, heardBy } = table.liveness.of(peer);
      // One whose connection was closed a moment ago may not even let us in any more.
      if (state === 'alive') return overlay.connections(peer).length > 0;
      return state === 'suspect' && heardBy !== undefined;
    });
  }

  /** The state of a peer, also of one that has left. */
  stateOf(peer: PeerKey): PeerState {
    const { table, trust } = this.#options;
    return trust.left(peer) ? 'left' : table.liveness.of(peer).state;
  }

  /** The wall clocks of the members that we hear, as they said with their last keep-alive. */
  clocks(): readonly (PeerClock & { readonly peer: PeerKey })[] {
    const { table, trust } = this.#options;
    return trust.others().flatMap((peer) => {
      const clock = table.liveness.hears(peer) ? table.clocks.of(peer) : undefined;
      return clock === undefined ? [] : [{ peer, ...clock }];
    });
  }
}
