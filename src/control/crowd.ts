/** Who holds a place behind a door where there are no more places than so many. */
export interface Holder {
  /** As {@link Connection} names it. */
  readonly state: string;
  /** Since when it is in that state, monotonic milliseconds. */
  readonly since: number;
}

/** In these nothing is under way that would be lost, or half of a question: whoever is there comes again, and finds all as it was. */
const AT_REST: ReadonlySet<string> = new Set(['waiting', 'handshake', 'login', 'idle', 'receiving']);
/** Whoever is told what changes, and reads it, keeps the place: else two that come again would push each other out for ever. */
const FOLLOWING = 'following';
const SLOW = 'slow';
/** Whoever does not read keeps the place for so long, milliseconds. */
const SLOW_MS = 5_000;
/** And whoever asks, or is answered: nearly all commands take two seconds at most, milliseconds. */
const ASKING_MS = 2_500;
/** And whoever has just come, and is about to ask, milliseconds. */
const NEW_MS = 200;

/**
 * Who has to go so that somebody else finds a place: who has been at rest for longest; if nobody is, who has not read for longest;
 * if all do, who has been asking for longest; and if nobody has for long, who came first of those that have only just come. Undefined
 * when everybody has good reason to stay.
 */
export function whoLeaves<H extends Holder>(holders: Iterable<H>, now: number): H | undefined {
  let [first, firstOrder] = [undefined as H | undefined, Number.POSITIVE_INFINITY];
  for (const holder of holders) {
    const order = orderOf(holder, now);
    if (order > firstOrder || order === Number.POSITIVE_INFINITY) continue;
    if (first === undefined || order < firstOrder || holder.since < first.since) {
      [first, firstOrder] = [holder, order];
    }
  }
  return first;
}

/** The lowest goes first; who keeps the place has none. */
function orderOf({ state, since }: Holder, now: number): number {
  if (state === FOLLOWING) return Number.POSITIVE_INFINITY;
  const forMs = now - since;
  if (AT_REST.has(state)) return forMs >= NEW_MS ? 0 : 3;
  if (state === SLOW) return forMs >= SLOW_MS ? 1 : Number.POSITIVE_INFINITY;
  return forMs >= ASKING_MS ? 2 : Number.POSITIVE_INFINITY;
}
