import { setImmediate as otherWork } from 'node:timers/promises';
import type { SeenHours } from '../../store/seen-hours.ts';
import { decodeDay } from './day.ts';
import { dayOfHour, type FileName, readFileName } from './keys.ts';
import { decodeSlice, type Piece, spelledOut } from './slice.ts';
import type { Word } from './words.ts';

/** A slice, or a day that became of slices, as it was read back. */
export interface KeptPiece extends Piece {
  readonly isDay: boolean;
  /** Hours since 1970 (UTC); of a day its first. */
  readonly hour: number;
  /** Of a day the newest that it has taken in. */
  readonly seq: number;
}

export interface KeptFile extends FileName {
  readonly name: string;
  readonly bytes: number;
}

/** So many are read before other work has its turn. */
const SLICES_IN_A_ROW = 2;

/** Where the history is read from its files. What is rubbish is left out and counted. */
export class Shelf {
  readonly #hours: SeenHours;
  #damaged = 0;

  constructor(hours: SeenHours) {
    this.#hours = hours;
  }

  /** Values that are not what was written, each time that they were read. */
  get damaged(): number {
    return this.#damaged + this.#hours.health().damaged;
  }

  /** The oldest day first. */
  async files(): Promise<KeptFile[]> {
    return (await this.#hours.files()).flatMap(({ name, bytes }) => {
      const read = readFileName(name);
      return read === undefined ? [] : [{ ...read, name, bytes }];
    });
  }

  /** What is kept of these hours, without `to`, one file after the other; a day when it begins among them. */
  async *pieces(from: number, to: number): AsyncGenerator<KeptPiece, void> {
    for (const file of await this.files()) {
      if (dayOfHour(file.hour) < dayOfHour(from) || file.hour >= to) continue;
      for await (const piece of this.piecesOf(file)) if (piece.hour >= from && piece.hour < to) yield piece;
    }
  }

  async *piecesOf({ kind, name, hour, seq }: KeptFile): AsyncGenerator<KeptPiece, void> {
    const words: Word[] = [];
    let slices = 0;
    for (const record of await this.#hours.records(name)) {
      // A slice of a large home takes a millisecond or two, and there are thousands.
      if (++slices % SLICES_IN_A_ROW === 0) await otherWork();
      if (kind === 'day') {
        const day = decodeDay(record);
        if (day !== undefined) yield { ...day, isDay: true, hour, seq };
        else this.#damaged += 1;
        continue;
      }
      const slice = decodeSlice(record);
      if (slice === undefined) {
        this.#damaged += 1;
        continue;
      }
      const { first, words: more } = slice.words;
      // A gap stays one: what was damaged must not shift what the numbers mean.
      for (const [i, word] of more.entries()) words[first - 1 + i] = word;
      yield { ...slice, isDay: false, words: more, rows: slice.rows.map((row) => spelledOut(row, words)) };
    }
  }
}
