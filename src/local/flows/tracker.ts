import { type ConntrackEntry, type Counts, connectionKey } from '../observe/conntrack.ts';
import type { EntrySink } from '../observe/conntrack-source.ts';
import { type Ends, endsOf, type Places } from './ends.ts';
import type { Sighting } from './flow.ts';

/** More entries than any home router's table holds; what is beyond is counted and not followed. */
const MAX_FOLLOWED = 262_144;
const NOTHING: Counts = { packets: 0, bytes: 0 };

interface Followed {
  /** Given at the first attribution: the flow stays with the nodes that it was seen under. */
  readonly ends: Ends;
  readonly protocol: number;
  readonly family: 4 | 6;
  original: Counts | undefined;
  reply: Counts | undefined;
  round: number;
}

/** Turns whole readings of conntrack into news about flows: the last counters of each entry, by its id. */
export class Tracker implements EntrySink {
  readonly #places: Places;
  readonly #onNews: (news: Sighting) => void;
  readonly #followed = new Map<number | string, Followed>();
  #round = 0;
  readonly counters = { unknown: 0, router: 0, special: 0, full: 0, dropped: 0 };

  constructor(places: Places, onNews: (news: Sighting) => void) {
    this.#places = places;
    this.#onNews = onNews;
  }

  /** Entries that are followed now. */
  get size(): number {
    return this.#followed.size;
  }

  /** A reading begins. The first four counters are of the newest reading. */
  begin(): void {
    this.#round += 1;
    Object.assign(this.counters, { unknown: 0, router: 0, special: 0, full: 0 });
  }

  /** One entry of the reading. */
  note(entry: ConntrackEntry): void {
    const key = entry.id ?? connectionKey(entry);
    const before = this.#followed.get(key);
    if (before === undefined) {
      this.#open(key, entry);
      return;
    }
    before.round = this.#round;
    const original = grown(before.original, entry.original.counts);
    const reply = grown(before.reply, entry.reply.counts);
    if (original === 'less' || reply === 'less') {
      // The kernel's counters only grow: this is another connection that was given the same id.
      this.#tell(before, -1, NOTHING, NOTHING, entry.offloaded);
      this.#followed.delete(key);
      this.#open(key, entry);
      return;
    }
    before.original = entry.original.counts;
    before.reply = entry.reply.counts;
    if (original !== NOTHING || reply !== NOTHING) this.#tell(before, 0, original, reply, entry.offloaded);
  }

  /** The reading of the families is complete: what was not in it has ended. Not to be called after half a reading. */
  end(families: ReadonlySet<4 | 6>): void {
    for (const [key, followed] of this.#followed) {
      if (followed.round === this.#round || !families.has(followed.family)) continue;
      this.#followed.delete(key);
      this.#tell(followed, -1, NOTHING, NOTHING, false);
    }
  }

  #open(key: number | string, entry: ConntrackEntry): void {
    const ends = endsOf(entry, this.#places);
    if (typeof ends === 'string') {
      this.counters[ends] += 1;
      return;
    }
    if (this.#followed.size >= MAX_FOLLOWED) {
      this.counters.dropped += 1;
      return;
    }
    const { protocol, original, reply, offloaded } = entry;
    const family = original.src.includes(':') ? 6 : 4;
    const followed: Followed = {
      ends,
      protocol,
      family,
      original: original.counts,
      reply: reply.counts,
      round: this.#round,
    };
    this.#followed.set(key, followed);
    this.#tell(followed, 1, original.counts, reply.counts, offloaded);
  }

  #tell(
    { ends, protocol, original: lastOriginal, reply: lastReply }: Followed,
    entries: -1 | 0 | 1,
    original: Counts | undefined,
    reply: Counts | undefined,
    offloaded: boolean,
  ): void {
    const { device, other, otherIsDevice, port, outward } = ends;
    // An entry that never had counters ends without any: nothing is known of it, which is not nothing.
    const sent = entries < 0 && lastOriginal === undefined ? undefined : original;
    const answered = entries < 0 && lastReply === undefined ? undefined : reply;
    const [up, down] = outward ? [sent, answered] : [answered, sent];
    this.#onNews({ device, other, otherIsDevice, protocol, port, up, down, entries, offloaded });
  }
}

/** What was added; NOTHING itself when nothing was. */
function grown(before: Counts | undefined, now: Counts | undefined): Counts | undefined | 'less' {
  if (now === undefined) return before === undefined ? NOTHING : undefined;
  if (before === undefined) return now;
  const packets = now.packets - before.packets;
  const bytes = now.bytes - before.bytes;
  if (packets < 0 || bytes < 0) return 'less';
  return packets === 0 && bytes === 0 ? NOTHING : { packets, bytes };
}
