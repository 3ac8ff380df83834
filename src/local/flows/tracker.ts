import type { ConntrackEntry } from '../observe/conntrack.ts';
import type { EntrySink } from '../observe/conntrack-source.ts';
import type { Places } from './ends.ts';
import { type EntryKey, entryKey } from './entry-key.ts';
import { EntryNews } from './entry-news.ts';
import { BEGUN, CLOSED, EntryTable, GONE, IPV6, LIVE, OFFLOADED, SPENT } from './entry-table.ts';
import type { Sighting } from './flow.ts';
import {
  type Carried,
  carriedAt,
  carriedBy,
  grown,
  isAtRest,
  most,
  NO_NEWS,
  same,
  setCarried,
} from './growth.ts';

/**
 * Twice what the kernel's table holds by default on the largest machines (nf_conntrack_max): those that ended within the last
 * readings are remembered beside it. What is beyond is counted and not followed.
 */
const MAX_FOLLOWED = 524_288;
/** Readings for which the memory of an ended entry is kept: its end may be told late, or twice. */
const KEEP_ROUNDS = 3;
/** And when its device is not known yet. */
const KEEP_WAITING_ROUNDS = 30;

/** A connection that another one of the same name has followed, as a reading showed. */
interface Former {
  readonly carried: Carried;
  readonly round: number;
  /** Its end was told already, and may be told again; else it is still to come, or lost. */
  readonly closed: boolean;
}

/**
 * Turns readings of conntrack, and the events beside them, into news about flows. Readings are the truth: the last
 * counters of each entry. Events come another way, so they may be early, late, lost or told twice, and the kernel gives an
 * entry's name (id and tuple) again as soon as it is free. Events keep their own order. Where more cannot be known the
 * lesser sum is told: nothing is ever counted twice.
 */
export class Tracker implements EntrySink {
  readonly #table = new EntryTable();
  readonly #news: EntryNews;
  /** By slot; until the next event makes things clear, or a few readings have passed. */
  readonly #former = new Map<number, Former>();
  readonly #seed: number;
  #round = 0;
  #settled = false;
  readonly counters = { unknown: 0, router: 0, special: 0, full: 0, dropped: 0, repeated: 0 };

  /** `seed` for the hashes of entries' names: drawn anew, so that nobody can choose connections whose names meet. */
  constructor(places: Places, onNews: (news: Sighting) => void, seed = Math.trunc(Math.random() * 2 ** 32)) {
    this.#news = new EntryNews(this.#table, places, onNews);
    this.#seed = seed;
  }

  /** Entries that are followed now. */
  get size(): number {
    const { state, top } = this.#table;
    let live = 0;
    for (let slot = 0; slot < top; slot++) if (state[slot] === LIVE) live += 1;
    return live;
  }

  /** A first reading was complete: what is told from here on was not counted before it. */
  get settled(): boolean {
    return this.#settled;
  }

  /** A reading begins. The first four counters are of the newest reading. */
  begin(): void {
    this.#round += 1;
    Object.assign(this.counters, { unknown: 0, router: 0, special: 0, full: 0 });
    for (const slot of this.#news.waiting()) if (this.#table.state[slot] !== LIVE) this.#news.ask(slot);
    for (const [slot, { round }] of this.#former)
      if (this.#round - round > KEEP_ROUNDS) this.#former.delete(slot);
    this.#forget();
  }

  /** One entry of the reading; answers its slot, which is its own until the next reading at least, or −1. */
  note(entry: ConntrackEntry): number {
    const table = this.#table;
    const key = entryKey(entry, this.#seed);
    const found = table.find(key);
    // Closed while this reading is under way: the line is older, or the next one of that name, which can wait.
    if (found >= 0 && table.ended[found] === this.#round) return -1;
    const slot = found < 0 ? this.#open(key, entry) : found;
    if (slot < 0) return -1;
    if (found >= 0) {
      table.seen[slot] = this.#round;
      if (table.state[slot] === LIVE && isAtRest(table, slot, entry)) this.#grow(slot, entry, NO_NEWS);
      else this.#compare(slot, entry);
      if (this.#news.waits(slot) && !this.#news.ask(slot)) this.counters.unknown += 1;
    }
    table.unmark(slot, BEGUN);
    return slot;
  }

  /** The entry that the last reading showed in this slot is as it was. False when it is no longer the same, or has to be asked about. */
  again(slot: number): boolean {
    const table = this.#table;
    if (table.state[slot] !== LIVE || table.seen[slot] !== this.#round - 1) return false;
    if (table.is(slot, BEGUN) || this.#news.waits(slot)) return false;
    table.seen[slot] = this.#round;
    return true;
  }

  /** The kernel told that an entry began. Its counters are zero, or undefined when the kernel does not count. */
  began(entry: ConntrackEntry): void {
    const table = this.#table;
    const key = entryKey(entry, this.#seed);
    const found = table.find(key);
    const slot = found < 0 ? this.#open(key, entry) : found;
    if (slot < 0) return;
    if (table.state[slot] === CLOSED) this.#restart(slot, entry);
    // Else a reading was faster; or an end was lost, which nothing here tells from a begin that is told late.
    if (this.#former.get(slot)?.closed) this.#former.delete(slot);
    table.unmark(slot, SPENT);
    table.seen[slot] = this.#round;
  }

  /** The kernel told that an entry ended, with its last counters. */
  ended(entry: ConntrackEntry): void {
    const key = entryKey(entry, this.#seed);
    const found = this.#table.find(key);
    const slot = found < 0 ? this.#open(key, entry) : found;
    if (slot < 0) return;
    const now = carriedBy(entry);
    const last = carriedAt(this.#table, slot);
    if (found < 0) this.#close(slot, now, NO_NEWS);
    else if (this.#table.state[slot] !== CLOSED) this.#end(slot, now, last);
    else if (same(last, now)) this.counters.repeated += 1;
    else {
      this.#another(slot, now);
      this.#close(slot, now, NO_NEWS);
    }
    if (this.#news.waits(slot)) this.#news.ask(slot);
  }

  /** The reading of the families is complete: what was not in it has ended. Not to be called after half a reading. */
  end(families: ReadonlySet<4 | 6>): void {
    const { state, seen, ended, top } = this.#table;
    for (let slot = 0; slot < top; slot++) {
      if (state[slot] !== LIVE || seen[slot] === this.#round) continue;
      if (!families.has(this.#table.is(slot, IPV6) ? 6 : 4)) continue;
      state[slot] = GONE;
      ended[slot] = this.#round;
      this.#news.tell(slot, -1, NO_NEWS);
    }
    this.#settled = true;
  }

  #compare(slot: number, entry: ConntrackEntry): void {
    const before = carriedAt(this.#table, slot);
    const state = this.#table.state[slot];
    const news = state === LIVE ? grown(before, carriedBy(entry)) : 'less';
    if (news !== 'less') {
      this.#grow(slot, entry, news);
      return;
    }
    // The kernel's counters only grow: this is another connection of the same name.
    this.#former.set(slot, { carried: before, round: this.#round, closed: state === CLOSED });
    this.#restart(slot, entry);
  }

  /** An end of a name that is not closed: of the connection that is there, or of the one before it. */
  #end(slot: number, now: Carried, last: Carried): void {
    const table = this.#table;
    if (table.is(slot, SPENT)) {
      this.counters.repeated += 1;
      return;
    }
    const news = grown(last, now);
    const former = this.#former.get(slot);
    const late = former === undefined ? 'less' : grown(former.carried, now);
    if (former?.closed && late === NO_NEWS) this.counters.repeated += 1;
    else if (former?.closed === false && late !== 'less') {
      // Of the former; or, if its end was lost, of this one. What is right in both cases is told.
      const least = news === 'less' ? late : grown(most(former.carried, last), now);
      this.#former.delete(slot);
      table.mark(slot, SPENT);
      if (least !== 'less' && least !== NO_NEWS) this.#news.tell(slot, 0, least);
    } else if (news !== 'less') this.#close(slot, now, news);
    else {
      // A reading was faster than the events and showed the next one, whose own end is still to come.
      this.#another(slot, now);
      table.mark(slot, SPENT);
    }
  }

  #grow(slot: number, entry: ConntrackEntry, news: Carried): void {
    const isOffloaded = entry.offloaded && !this.#table.is(slot, OFFLOADED);
    if (isOffloaded) this.#table.mark(slot, OFFLOADED);
    if (news === NO_NEWS && !isOffloaded) return;
    setCarried(this.#table, slot, carriedBy(entry));
    this.#news.tell(slot, 0, news);
  }

  #close(slot: number, now: Carried, news: Carried): void {
    const table = this.#table;
    const entries = table.state[slot] === LIVE ? -1 : 0;
    setCarried(table, slot, now);
    this.#former.delete(slot);
    table.state[slot] = CLOSED;
    table.ended[slot] = this.#round;
    if (entries !== 0 || news !== NO_NEWS) this.#news.tell(slot, entries, news);
  }

  /** A whole connection of which nothing else was told. */
  #another(slot: number, carried: Carried): void {
    this.#news.tell(slot, 1, carried);
    this.#news.tell(slot, -1, NO_NEWS);
  }

  /** A connection begins in a slot: the first of its name, or the next. */
  #restart(slot: number, entry: ConntrackEntry): void {
    const table = this.#table;
    if (table.state[slot] === LIVE) this.#news.tell(slot, -1, NO_NEWS);
    table.state[slot] = LIVE;
    table.seen[slot] = this.#round;
    table.unmark(slot, SPENT | OFFLOADED);
    table.mark(slot, entry.offloaded ? BEGUN | OFFLOADED : BEGUN);
    setCarried(table, slot, carriedBy(entry));
    this.#news.tell(slot, 1, carriedBy(entry));
  }

  /** Follows one more entry, if it is somebody's; answers its slot or −1. */
  #open(key: EntryKey, entry: ConntrackEntry): number {
    const table = this.#table;
    const ends = this.#news.endsOf(entry);
    if (typeof ends === 'string' && entry.event === undefined) this.counters[ends] += 1;
    if (typeof ends === 'string' && ends !== 'unknown') return -1;
    if (table.size >= MAX_FOLLOWED || (ends === 'unknown' && this.#news.isFull)) {
      this.counters.dropped += 1;
      return -1;
    }
    const slot = table.add(key);
    table.protocol[slot] = entry.protocol;
    if (entry.original.src.includes(':')) table.mark(slot, IPV6);
    if (ends === 'unknown') this.#news.wait(slot, entry);
    else table.setEnds(slot, ends);
    this.#restart(slot, entry);
    return slot;
  }

  /** Frees what ended long ago. */
  #forget(): void {
    const { state, ended, top } = this.#table;
    for (let slot = 0; slot < top; slot++) {
      if (state[slot] !== GONE && state[slot] !== CLOSED) continue;
      const waits = this.#news.waits(slot);
      if (this.#round - (ended[slot] as number) <= (waits ? KEEP_WAITING_ROUNDS : KEEP_ROUNDS)) continue;
      if (waits) this.counters.dropped += 1;
      this.#news.giveUp(slot);
      this.#former.delete(slot);
      this.#table.remove(slot);
    }
  }
}
