import { type Clock, repeat } from '../../clock.ts';
import { messageOf } from '../../errors.ts';
import type { Log } from '../../log.ts';
import type { NodeId } from '../../policy/block-set.ts';
import type { Service } from '../../service.ts';
import type { SeenHours } from '../../store/seen-hours.ts';
import type { SeenStore } from '../../store/seen-store.ts';
import type { Drop, Sighting } from '../flows/flow.ts';
import { Expiry } from './expiry.ts';
import { HourClock, type HourReading } from './hour-clock.ts';
import { onlyKey, TOTALS_KEY } from './keys.ts';
import { Notebook } from './notebook.ts';
import { NONE } from './row.ts';
import { Shelf } from './shelf.ts';
import { addInterfaces, type InterfaceTotal } from './slice.ts';
import { type Summary, type SummaryRequest, Summing } from './summary.ts';
import { type DeviceTotal, Totals } from './totals.ts';

export interface HistoryOptions {
  /** Where the totals per device are kept. */
  readonly store: SeenStore;
  /** Where all else is kept. */
  readonly hours: SeenHours;
  readonly clock: Clock;
  readonly log: Log;
  /** Whether the wall clock is believed. */
  readonly trusted: () => boolean;
  /** How many days are kept by the hour; 0: nothing is kept on disk, and what was kept goes. */
  readonly days: number;
  /** The MAC, domain or address of a node, kept beside its id for when nobody knows it any more. */
  readonly textOf: (id: NodeId) => string | undefined;
  /** What the interfaces counted since the last call. */
  readonly interfaces?: (signal: AbortSignal) => Promise<readonly InterfaceTotal[]>;
  /** Bytes on disk, default 200 MB: when there are more, the oldest go. */
  readonly maxBytes?: number;
  /** Rows in memory between two writes, default 16,384: the smallest are folded. */
  readonly maxRows?: number;
}

export interface HistoryHealth {
  /** Why nothing is kept on disk at the moment; undefined when all is well. */
  readonly problem: string | undefined;
  /** What became of an earlier folder that could not be used, in words. */
  readonly putAside: string | undefined;
  /** False while nobody knows what time it is, so that rows are put down under a guessed hour. */
  readonly sure: boolean;
  /** Bytes on disk, as of the last write. */
  readonly bytes: number;
  /** Rows that wait for the next write, and rows that were folded into those of others. */
  readonly rows: number;
  readonly folded: number;
  /** Values on disk that are not what was written. */
  readonly damaged: number;
  readonly counters: Readonly<Record<string, number>>;
}

export interface ReadRequest extends SummaryRequest {
  /** Hours since 1970 (UTC): from this one … */
  readonly from: number;
  /** … to this one, which is not among them. */
  readonly to: number;
}

/** How often it is looked whether an hour has ended: rows may be put down so much too early, milliseconds. */
const LOOK_MS = 10_000;
/** How often what is new is written; a crash or a power cut loses so much, milliseconds. */
export const FLUSH_MS = 10 * 60_000;
const MAX_BYTES = 200_000_000;
const MAX_ROWS = 16_384;
const STOP_MS = 1_000;
const EVER = 0xff_ff_ff_ff;

/**
 * What devices sent and received, per other node and hour, kept for long: fed with the same news as the flow table. It stays
 * on this router.
 *
 * On disk are slices: what was added since the slice before, for all devices. Nothing is written twice, and nothing has to be
 * read to go on after a restart but the totals per device and a day of slices. Old hours become days.
 */
export class History implements Service {
  readonly name = 'history';
  readonly #options: HistoryOptions;
  readonly #hours: HourClock;
  readonly #totals = new Totals();
  readonly #shelf: Shelf;
  readonly #expiry: Expiry;
  readonly #notebook: Notebook;
  readonly #stopper = new AbortController();
  #open: HourReading | undefined;
  #interfaces: readonly InterfaceTotal[] = [];
  #flushedAt: number;
  #reading = 0;
  #loaded = false;
  #running: Promise<void> | undefined;
  #lastError: string | undefined;

  constructor(options: HistoryOptions) {
    this.#options = options;
    const { store, hours, clock, trusted, days, textOf, maxBytes = MAX_BYTES, maxRows = MAX_ROWS } = options;
    this.#hours = new HourClock(clock, trusted);
    this.#shelf = new Shelf(hours);
    const busy = (day: number) => this.#reading > 0 || this.#notebook.openDay === day;
    this.#expiry = new Expiry({ hours, shelf: this.#shelf, days, maxBytes, busy });
    this.#notebook = new Notebook({ store, hours, clock, textOf, maxRows });
    this.#flushedAt = clock.monotonic();
  }

  /** Takes news of a flow in. Returns at once. */
  sees(news: Sighting): void {
    this.#open ??= this.#hours.now();
    this.#notebook.tally.sees(news);
    this.#totals.add({ ...news, up: news.up ?? NONE, down: news.down ?? NONE }, this.#open.hour);
  }

  /** Takes in what blocks have dropped. */
  drops(drop: Drop): void {
    this.#open ??= this.#hours.now();
    this.#notebook.tally.drops(drop);
  }

  /** What a device sent and received since it was first seen here, restarts included. */
  total(device: NodeId): DeviceTotal | undefined {
    return this.#totals.of(device);
  }

  /** Bytes since the beginning of an hour (hours since 1970), a day ago at most. */
  bytesSince(device: NodeId, hour: number): { readonly up: number; readonly down: number } | undefined {
    return this.#totals.bytesSince(device, hour);
  }

  /** The hour that news is put down under now. */
  hour(): HourReading {
    return this.#hours.now();
  }

  health(): HistoryHealth {
    const { store, hours } = this.#options;
    const { foldedDays, forgottenDays, forRoom } = this.#expiry.counters;
    return {
      problem: hours.health().problem ?? store.health().problem ?? this.#lastError,
      putAside: store.health().putAside,
      sure: this.#hours.now().sure,
      bytes: this.#expiry.bytes,
      rows: this.#notebook.tally.size,
      folded: this.#notebook.tally.folded,
      damaged: this.#shelf.damaged,
      counters: { foldedDays, forgottenDays, forRoom, droppedTotals: this.#totals.dropped },
    };
  }

  /** Adds up what is kept, in memory and on disk: hours, and before them days of UTC. Rejects when the signal aborts. */
  async read(request: ReadRequest, signal: AbortSignal): Promise<Summary> {
    const summing = new Summing(request);
    const { from, to } = request;
    // What is written from here on is in the rows that are in memory now.
    const newest = this.#notebook.seq;
    const open = this.#open;
    const now =
      open === undefined || open.hour < from || open.hour >= to
        ? undefined
        : { sure: open.sure, interfaces: this.#interfaces, rows: [...this.#notebook.tally.rows()] };
    this.#reading += 1;
    try {
      for await (const piece of this.#shelf.pieces(from, to)) {
        signal.throwIfAborted();
        if (piece.seq <= newest) summing.add(piece.hour, piece);
      }
    } finally {
      this.#reading -= 1;
    }
    if (open !== undefined && now !== undefined) summing.add(open.hour, now);
    return summing.finish();
  }

  async start(signal: AbortSignal): Promise<void> {
    const any = AbortSignal.any([signal, this.#stopper.signal]);
    this.#running = repeat(
      async (inner) => {
        if (!this.#loaded) await this.#load();
        await this.#look(inner);
        this.#lastError = undefined;
      },
      {
        clock: this.#options.clock,
        signal: any,
        everyMs: LOOK_MS,
        jitter: 0,
        onFailure: (error) => {
          this.#lastError = messageOf(error);
        },
      },
    );
  }

  /** Writes what is new. What the disk does not take is lost. */
  async stop(): Promise<void> {
    this.#stopper.abort();
    await this.#running;
    if (this.#options.days === 0 || !this.#loaded) return;
    await this.#readInterfaces(AbortSignal.timeout(STOP_MS));
    this.#write(true);
    if (this.#open !== undefined) this.#notebook.saveTotals(this.#totals, this.#open.hour);
    try {
      await this.#flush();
    } catch (error) {
      this.#options.log.warn({ error: messageOf(error) }, 'the newest history could not be written');
    }
  }

  /** What earlier runs kept: the totals, and the slices since they were written. */
  async #load(): Promise<void> {
    const { store, days } = this.#options;
    if (days === 0) {
      store.del(TOTALS_KEY);
      await this.#expiry.clear();
      await this.#flush();
      this.#loaded = true;
      return;
    }
    await this.#expiry.finish();
    let mark = { seq: 0, hour: 0 };
    for await (const [, value] of store.entries(onlyKey(TOTALS_KEY))) mark = this.#totals.load(value) ?? mark;
    let { seq } = mark;
    let newest = mark;
    // A day more, for what went since midnight.
    for await (const piece of this.#shelf.pieces(Math.max(0, mark.hour - 25), EVER)) {
      // Days are made only of what is in the totals.
      const isNew = piece.seq > mark.seq && (mark.seq === 0 || !piece.isDay);
      seq = Math.max(seq, piece.seq);
      // The one written last: a clock that was wrong for a while has left later hours behind.
      if (piece.sure && piece.seq > newest.seq) newest = piece;
      for (const row of piece.rows) {
        if (isNew) this.#totals.add(row, piece.hour);
        else this.#totals.rememberRow(row, piece.hour);
      }
    }
    if (newest.hour > 0) this.#hours.keeps(newest.hour);
    this.#notebook.goOn(seq, mark);
    this.#loaded = true;
  }

  async #look(signal: AbortSignal): Promise<void> {
    const { clock, days } = this.#options;
    const now = this.#hours.now();
    const open = this.#open ?? now;
    // What was not written yet is of the newest guess; and of the right hour once that is known.
    this.#open = open.sure ? open : now;
    const hourEnded = this.#open.hour !== now.hour;
    const due = clock.monotonic() - this.#flushedAt >= FLUSH_MS;
    if (!hourEnded && !due) return;
    if (days === 0) {
      this.#notebook.tally.clear();
      this.#open = now;
      return;
    }
    await this.#readInterfaces(signal);
    this.#write(hourEnded);
    this.#open = now;
    this.#flushedAt = clock.monotonic();
    if (this.#notebook.isTotalsDue(now.hour) && this.#notebook.tally.size === 0)
      this.#notebook.saveTotals(this.#totals, now.hour);
    await this.#flush();
    // Once an hour, and not by a clock that has just jumped: what goes does not come back.
    if (hourEnded) await this.#expiry.step(this.#hours.steady(), this.#notebook.closedSeq);
    await this.#flush();
  }

  async #flush(): Promise<void> {
    await this.#options.hours.flush();
    await this.#options.store.flush();
  }

  /** @param must also when little may be written: the hour ends */
  #write(must: boolean): void {
    if (this.#open === undefined) return;
    if (this.#notebook.write(this.#open, this.#interfaces, must, this.#totals)) this.#interfaces = [];
  }

  async #readInterfaces(signal: AbortSignal): Promise<void> {
    const { interfaces } = this.#options;
    if (interfaces === undefined) return;
    try {
      this.#interfaces = addInterfaces(this.#interfaces, await interfaces(signal));
    } catch (error) {
      this.#lastError = messageOf(error);
    }
  }
}
