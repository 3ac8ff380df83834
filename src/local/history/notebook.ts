import type { Clock } from '../../clock.ts';
import type { NodeId } from '../../policy/block-set.ts';
import type { SeenHours } from '../../store/seen-hours.ts';
import type { SeenStore } from '../../store/seen-store.ts';
import type { HourReading } from './hour-clock.ts';
import { dayOfHour, fileName, TOTALS_KEY } from './keys.ts';
import { OTHERS } from './row.ts';
import { encodeSlice, type InterfaceTotal, type NumberedRow } from './slice.ts';
import { Tally } from './tally.ts';
import type { Totals, TotalsMark } from './totals.ts';
import { Wear } from './wear.ts';
import { MAX_WORDS, Words } from './words.ts';

export interface NotebookOptions {
  readonly store: SeenStore;
  readonly hours: SeenHours;
  readonly clock: Clock;
  readonly textOf: (id: NodeId) => string | undefined;
  readonly maxRows: number;
}

/** A row takes so many bytes, with its share of new words; measured. */
const ROW_BYTES = 12;
/** So many rows are written at the end of an hour in any case. */
const LEAST_ROWS = 512;

/** Where what is new is noted, and how it is put down as slices. */
export class Notebook {
  readonly #options: NotebookOptions;
  readonly #wear: Wear;
  readonly tally: Tally;
  /** The file that is being written. */
  #file:
    | { readonly name: string; readonly hour: number; readonly seq: number; readonly words: Words }
    | undefined;
  #seq = 0;
  /** The newest slice that is in the totals on disk; none after it is of an earlier hour. */
  #saved: TotalsMark = { seq: 0, hour: 0 };

  constructor(options: NotebookOptions) {
    this.#options = options;
    this.#wear = new Wear(options.clock);
    this.tally = new Tally(options.maxRows);
  }

  /** The newest slice; 0 when there is none. */
  get seq(): number {
    return this.#seq;
  }

  /** The day whose file is still being written; -1 when none is. */
  get openDay(): number {
    return this.#file === undefined ? -1 : dayOfHour(this.#file.hour);
  }

  /** Slices up to this one are in files that nothing is added to any more, and in the totals on disk; 0 for none. */
  get closedSeq(): number {
    return this.#saved.seq >= this.#closed ? this.#closed : 0;
  }

  get #closed(): number {
    return this.#file === undefined ? this.#seq : this.#file.seq - 1;
  }

  /** What is kept ends with this slice, and the totals on disk with a mark. */
  goOn(seq: number, saved: TotalsMark): void {
    this.#seq = Math.max(this.#seq, seq);
    this.#saved = saved;
  }

  /**
   * Puts down what was noted, as a slice of that hour; false when the disk has been given enough for now and it is no `must`. A
   * `must` that is too large is written with fewer rows.
   */
  write(
    { hour, sure }: HourReading,
    interfaces: readonly InterfaceTotal[],
    must: boolean,
    totals: Totals,
  ): boolean {
    if (this.tally.size === 0 && interfaces.length === 0) return true;
    const room = this.#wear.left() / ROW_BYTES;
    if (this.tally.size > room) {
      if (!must) return false;
      this.tally.fold(Math.max(LEAST_ROWS, Math.floor(room)));
    }
    this.#seq += 1;
    const { name, words } = this.#fileFor(hour);
    const rows = this.#numbered(words);
    this.tally.clear();
    const value = encodeSlice({ hour, seq: this.#seq, sure, words: words.take(), interfaces, rows });
    this.#options.hours.append(name, value);
    this.#wear.spend(value.length);
    // The clock went back: whoever adds up slices from the totals on would not look at so early an hour.
    if (hour < this.#saved.hour) this.saveTotals(totals, hour);
    return true;
  }

  /** Once a day and with every new file, so that little has to be added up at a start. */
  isTotalsDue(hour: number): boolean {
    return dayOfHour(hour) !== dayOfHour(this.#saved.hour) || this.#saved.seq < this.#closed;
  }

  /** Saves totals of all that is written; nothing may be noted that is not. */
  saveTotals(totals: Totals, hour: number): void {
    this.#saved = { seq: this.#seq, hour };
    const value = totals.encode(this.#saved);
    this.#options.store.put(TOTALS_KEY, value);
    this.#wear.spend(value.length);
  }

  /** A new one for each day, and when the clock went back: its name tells from which hour on its slices are. */
  #fileFor(hour: number): { readonly name: string; readonly words: Words } {
    const file = this.#file;
    const goesOn =
      file !== undefined &&
      dayOfHour(file.hour) === dayOfHour(hour) &&
      hour >= file.hour &&
      file.words.size < MAX_WORDS;
    if (goesOn) return file;
    const name = fileName({ kind: 'slices', hour, seq: this.#seq });
    this.#file = { name, hour, seq: this.#seq, words: new Words() };
    return this.#file;
  }

  #numbered(words: Words): NumberedRow[] {
    const textOf = (id: NodeId) => this.#options.textOf(id) ?? '';
    const number = (id: NodeId) => (id === OTHERS ? 0 : words.numberOf(id, textOf));
    return Array.from(this.tally.rows(), (row) => ({
      ...row,
      device: number(row.device),
      other: number(row.other),
    }));
  }
}
