import { segmentRouter } from '../../p2p/card.ts';
import type { PeerState } from '../../p2p/peer-view.ts';
import type { NodeId } from '../../policy/block-set.ts';
import type { PresenceClaim } from '../../policy/presence.ts';
import type { Parts } from '../parts.ts';
import { isThere } from './peer-words.ts';

/** What one router says of a device: that it is there, or was, and what was counted of it there. */
export interface Place {
  readonly router: string;
  /** What one says counts until it is down; then it is the last that was heard of it. */
  readonly state: PeerState;
  /** It is behind this router now. */
  readonly here: boolean;
  /** The interfaces of that router on which it has addresses, with their VLANs. */
  readonly segments: readonly string[];
  readonly sinceSeconds: number | undefined;
  readonly seenSecondsAgo: number | undefined;
  /** In all, by this router's count; undefined when it counted none. Told to others to within 2 %. */
  readonly bytes: { readonly up: number; readonly down: number } | undefined;
}

export interface Whereabouts {
  /** The router that heard of it last, or to which it came last; undefined when none that is alive has it. */
  readonly router: string | undefined;
  /** All that say something of it, that one first. */
  readonly places: readonly Place[];
  /** Over all routers that are alive; undefined when none counted any. */
  readonly bytes: { readonly up: number; readonly down: number } | undefined;
}

/** One who asks for a whole list looks at all claims once: by the ids of a device, where it is. */
export function whereaboutsOf(parts: Parts): (ids: readonly NodeId[]) => Whereabouts {
  const { network, directory, key, clock } = parts;
  const now = clock.monotonic();
  const known = new Map<NodeId, Place[]>();
  const note = (router: string, state: PeerState, prefix: string, { about, stay, bytes }: PresenceClaim) => {
    const place: Place = {
      router,
      state,
      here: stay !== undefined,
      segments: segmentsOf(about.addresses, prefix),
      sinceSeconds: stay && seconds(now - stay.since),
      seenSecondsAgo: stay && seconds(now - stay.seen),
      bytes,
    };
    known.set(about.node, [...(known.get(about.node) ?? []), place]);
  };
  for (const claim of network.presence.own())
    note(directory.routerName(key.peer), 'alive', segmentRouter(key.peer), claim);
  for (const { peer, state, claims } of network.presence.all())
    for (const claim of claims) note(directory.routerName(peer), state, segmentRouter(peer), claim);
  return (ids) => {
    const places = ids.flatMap((id) => known.get(id) ?? []).sort(newestFirst);
    const [first] = places;
    const counted = places.flatMap(({ state, bytes }) =>
      isThere(state) && bytes !== undefined ? [bytes] : [],
    );
    const sum = (of: 'up' | 'down') => counted.reduce((total, bytes) => total + bytes[of], 0);
    return {
      router: first !== undefined && counts(first) ? first.router : undefined,
      places,
      bytes: counted.length === 0 ? undefined : { up: sum('up'), down: sum('down') },
    };
  };
}

/** The interfaces of one router among the segments of some addresses. */
function segmentsOf(addresses: PresenceClaim['about']['addresses'], router: string): string[] {
  const names = addresses.flatMap(({ segment }) => {
    const [of = '', ...rest] = segment?.split('/') ?? [];
    return of === router ? [rest.join('/')] : [];
  });
  return [...new Set(names)].sort();
}

function counts({ here, state }: Place): boolean {
  return here && isThere(state);
}

/** What counts before what does not; then who heard it last, to the minute; then to whom it came last. */
function newestFirst(x: Place, y: Place): number {
  const minute = ({ seenSecondsAgo = Infinity }: Place) => Math.floor(seenSecondsAgo / 60);
  const heard = minute(x) === minute(y) ? 0 : minute(x) - minute(y);
  const came = (x.sinceSeconds ?? Infinity) - (y.sinceSeconds ?? Infinity);
  return Number(counts(y)) - Number(counts(x)) || heard || came || (x.router < y.router ? -1 : 1);
}

function seconds(ms: number): number {
  return Math.max(0, Math.round(ms / 1_000));
}
