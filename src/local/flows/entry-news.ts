import type { ConntrackEntry } from '../observe/conntrack.ts';
import { type Ends, endsOf, type NoEnds, type Places } from './ends.ts';
import { type EntryTable, OFFLOADED } from './entry-table.ts';
import type { Sighting } from './flow.ts';
import { type Carried, carriedAt, NO_NEWS, together } from './growth.ts';

/** Entries whose device is not known yet: a home has a handful; a scan of the LAN makes thousands. */
const MAX_UNTOLD = 4_096;

/** What was counted, begun and ended of an entry before anybody knew whose it is. */
interface Untold {
  /** With its addresses, to ask again by. */
  readonly entry: ConntrackEntry;
  carried: Carried;
  begun: number;
  over: number;
}

/**
 * The way from entries to news of flows. What cannot be told yet waits: the first packets of a device come before its MAC
 * is known.
 */
export class EntryNews {
  readonly #table: EntryTable;
  readonly #places: Places;
  readonly #onNews: (news: Sighting) => void;
  readonly #untold = new Map<number, Untold>();

  constructor(table: EntryTable, places: Places, onNews: (news: Sighting) => void) {
    this.#table = table;
    this.#places = places;
    this.#onNews = onNews;
  }

  /** Whose an entry is. */
  endsOf(entry: ConntrackEntry): Ends | NoEnds {
    return endsOf(entry, this.#places);
  }

  /** No more can wait. */
  get isFull(): boolean {
    return this.#untold.size >= MAX_UNTOLD;
  }

  /** The slots whose news wait. A copy. */
  waiting(): number[] {
    return [...this.#untold.keys()];
  }

  waits(slot: number): boolean {
    return this.#untold.has(slot);
  }

  /** The news of this slot wait until `ask` finds an answer. */
  wait(slot: number, entry: ConntrackEntry): void {
    const carried: Carried = { original: undefined, reply: undefined };
    this.#untold.set(slot, { entry, carried, begun: 0, over: 0 });
  }

  giveUp(slot: number): void {
    this.#untold.delete(slot);
  }

  /** Asks again whose a waiting entry is, and tells what waited. False when it has to wait on. */
  ask(slot: number): boolean {
    const untold = this.#untold.get(slot);
    const ends = untold && endsOf(untold.entry, this.#places);
    if (untold === undefined || ends === undefined || typeof ends === 'string') return false;
    this.#untold.delete(slot);
    this.#table.setEnds(slot, ends);
    for (let begun = 0; begun < untold.begun; begun++)
      this.tell(slot, 1, begun === 0 ? untold.carried : NO_NEWS);
    for (let over = 0; over < untold.over; over++) this.tell(slot, -1, NO_NEWS);
    return true;
  }

  /** News of a slot: what was added, and whether a connection began or ended. */
  tell(slot: number, entries: -1 | 0 | 1, news: Carried): void {
    const untold = this.#untold.get(slot);
    if (untold !== undefined) {
      untold.carried = together(untold.carried, this.#known(slot, entries, news));
      if (entries > 0) untold.begun += 1;
      if (entries < 0) untold.over += 1;
      return;
    }
    const ends = this.#table.endsAt(slot);
    if (ends === undefined) return;
    const { original, reply } = this.#known(slot, entries, news);
    const { device, other, otherIsDevice, port, outward } = ends;
    const [up, down] = outward ? [original, reply] : [reply, original];
    const protocol = this.#table.protocol[slot] as number;
    const offloaded = this.#table.is(slot, OFFLOADED);
    this.#onNews({ device, other, otherIsDevice, protocol, port, up, down, entries, offloaded });
  }

  /** An entry that never had counters ends without any: nothing is known of it, which is not nothing. */
  #known(slot: number, entries: -1 | 0 | 1, news: Carried): Carried {
    if (entries >= 0 || news !== NO_NEWS) return news;
    const last = carriedAt(this.#table, slot);
    return {
      original: last.original && news.original,
      reply: last.reply && news.reply,
    };
  }
}
