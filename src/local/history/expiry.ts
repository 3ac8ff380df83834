import type { SeenHours } from '../../store/seen-hours.ts';
import { encodeDay } from './day.ts';
import { dayOfHour, fileName } from './keys.ts';
import type { KeptFile, Shelf } from './shelf.ts';
import { addInterfaces, type InterfaceTotal } from './slice.ts';
import { Tally } from './tally.ts';

export interface ExpiryOptions {
  readonly hours: SeenHours;
  readonly shelf: Shelf;
  /** So many days are kept by the hour, and {@link DAYS_FACTOR} times as many by the day. */
  readonly days: number;
  /** Bytes on disk: when there are more, the oldest hours become a day, then the oldest days go. */
  readonly maxBytes: number;
  /** True while somebody reads, or writes to this day: nothing is moved then. */
  readonly busy: (day: number) => boolean;
}

export const DAYS_FACTOR = 8;
/** Rows of one day; the smallest are folded. */
const MAX_DAY_ROWS = 20_000;

/**
 * Hours that are old become days, and days that are old go: one of them in a step, so that a clock that is wrong for a while
 * does little harm. What is too much for the disk goes as well, whatever the clock says.
 */
export class Expiry {
  readonly #options: ExpiryOptions;
  #bytes = 0;
  /** Days whose hours were added up, days given up, and of both those that were not old but too much. */
  readonly counters = { foldedDays: 0, forgottenDays: 0, forRoom: 0 };

  constructor(options: ExpiryOptions) {
    this.#options = options;
  }

  /** What is on disk, as of the last step. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Ends what a crash has cut short: files that a day has taken in already go. */
  async finish(): Promise<void> {
    const { hours, shelf } = this.#options;
    const files = await shelf.files();
    for (const day of files.filter(({ kind }) => kind === 'day')) {
      for (const file of files) {
        const same = file.name !== day.name && dayOfHour(file.hour) === dayOfHour(day.hour);
        if (same && file.seq <= day.seq) hours.remove(file.name);
      }
    }
  }

  /**
   * @param hour the hour it is; undefined when nobody can tell, so that nothing is old
   * @param seq the newest slice that is written
   */
  async step(hour: number | undefined, seq: number): Promise<void> {
    const { days, maxBytes, shelf, busy, hours } = this.#options;
    const files = await shelf.files();
    this.#bytes = files.reduce((sum, { bytes }) => sum + bytes, 0);
    const tooMuch = this.#bytes > maxBytes;
    const oldest = files.find(({ kind }) => kind === 'slices');
    if (oldest !== undefined && !busy(dayOfHour(oldest.hour))) {
      const day = dayOfHour(oldest.hour);
      const isOld = hour !== undefined && (day + 1) * 24 <= hour - days * 24;
      if (isOld || tooMuch) {
        const ofDay = files.filter((file) => dayOfHour(file.hour) === day && file.seq <= seq);
        if (await this.#fold(day, ofDay, seq)) this.counters.forRoom += isOld ? 0 : 1;
        return;
      }
    }
    const oldestDay = files.find(({ kind }) => kind === 'day');
    if (oldestDay === undefined || busy(dayOfHour(oldestDay.hour))) return;
    const isOld = hour !== undefined && dayOfHour(oldestDay.hour) < dayOfHour(hour) - days * DAYS_FACTOR;
    if (isOld || tooMuch) {
      hours.remove(oldestDay.name);
      this.counters.forgottenDays += 1;
      this.counters.forRoom += isOld ? 0 : 1;
    }
  }

  /** Nothing is to be kept any more: all of it goes. */
  async clear(): Promise<void> {
    const { hours, shelf } = this.#options;
    for (const { name } of await shelf.files()) hours.remove(name);
  }

  /** All that is kept of a day becomes one row per pair; false when somebody reads meanwhile. */
  async #fold(day: number, files: readonly KeptFile[], seq: number): Promise<boolean> {
    const { hours, shelf, busy } = this.#options;
    const tally = new Tally(MAX_DAY_ROWS);
    const texts = new Map<string, string>();
    let interfaces: InterfaceTotal[] = [];
    let sure = true;
    for (const file of files) {
      for await (const piece of shelf.piecesOf(file)) {
        for (const row of piece.rows) tally.addRow(row);
        for (const { id, text } of piece.words) texts.set(id, text);
        interfaces = addInterfaces(interfaces, piece.interfaces);
        sure &&= piece.sure;
      }
    }
    if (busy(day)) return false;
    const name = fileName({ kind: 'day', hour: day * 24, seq });
    const textOf = (id: string) => texts.get(id) ?? '';
    hours.append(name, encodeDay({ sure, interfaces, rows: [...tally.rows()] }, textOf));
    for (const file of files) hours.remove(file.name, name);
    this.counters.foldedDays += 1;
    return true;
  }
}
