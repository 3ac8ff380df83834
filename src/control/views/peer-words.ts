import type { PeerState } from '../../p2p/peer-view.ts';
import type { LinkReason, PeerRow } from './peers.ts';

/** Whether a router counts as being there. Suspicion is no verdict yet (docs/protocol.md, "Keep-alives"). */
export function isThere(state: PeerState): boolean {
  return state === 'alive' || state === 'suspect';
}

/** What is asked about a router to tell how it is. Another version may leave out its link. */
type How = Pick<PeerRow, 'state' | 'heardBy'> & {
  readonly link?: { readonly reason: LinkReason } | undefined;
};

/** In a large home this router has no connection with most others, by choice: nothing to worry about. */
export function isUnlinked({ state, link }: How): boolean {
  return link?.reason === 'surplus' && (state === 'suspect' || state === 'unknown');
}

/** `alive`, `suspect, heard by kitchen`, `down`, `not heard of yet` … */
export function stateWords(how: How): string {
  const { state, heardBy } = how;
  if (isUnlinked(how)) return heardBy === undefined ? 'not linked' : `heard by ${heardBy}`;
  if (state === 'suspect' && heardBy !== undefined) return `suspect, heard by ${heardBy}`;
  return state === 'unknown' ? 'not heard of yet' : state;
}

const LINK_WORDS: Readonly<Record<LinkReason, string>> = {
  all: 'all are linked in a home of this size',
  required: 'the only way to some routers',
  new: 'new',
  useful: 'much used',
  random: 'drawn by lot',
  surplus: 'not needed: there are enough others',
  dead: 'not tried: dead, and enough others are alive',
  absent: 'not tried: absent for long',
};

/** Why a connection is kept or not. A reason of a newer version is shown as it is. */
export function linkWords(reason: LinkReason): string {
  return LINK_WORDS[reason] ?? reason;
}

/** How many are how, in the order of a life: `27 alive, 4 heard by others, 1 suspect, 2 down`. */
export function countWords(peers: readonly How[]): string {
  const unlinked = peers.filter(isUnlinked);
  const heard = unlinked.filter(({ heardBy }) => heardBy !== undefined).length;
  const { alive, ...others } = countStates(peers.filter((peer) => !isUnlinked(peer)));
  const told = { alive, 'heard by others': heard, 'not linked': unlinked.length - heard, ...others };
  return Object.entries(told)
    .filter(([, count]) => count > 0)
    .map(([word, count]) => `${count} ${word === 'unknown' ? 'not heard of yet' : word}`)
    .join(', ');
}

/** Every state with its number of routers, also where that is 0. */
export function countStates(peers: readonly Pick<PeerRow, 'state'>[]): Record<PeerState, number> {
  const found: Record<PeerState, number> = {
    alive: 0,
    suspect: 0,
    down: 0,
    pruned: 0,
    left: 0,
    unknown: 0,
  };
  for (const { state } of peers) found[state] = (found[state] ?? 0) + 1;
  return found;
}
