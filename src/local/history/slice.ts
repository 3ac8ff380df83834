import { PackedReader, PackedWriter } from './packed.ts';
import { NONE, OTHERS, type Row } from './row.ts';
import { MAX_WORDS, type NewWords, readWords, type Word, writeWords } from './words.ts';

/** What an interface counted by itself in some time, whatever flows were seen. */
export interface InterfaceTotal {
  readonly name: string;
  readonly receivedBytes: number;
  readonly sentBytes: number;
  readonly receivedPackets: number;
  readonly sentPackets: number;
}

/** What was kept of some time, read back. */
export interface Piece {
  /** False when nobody knew what time it was: the hour is a guess. */
  readonly sure: boolean;
  readonly interfaces: readonly InterfaceTotal[];
  readonly rows: readonly Row[];
  /** What is known of the nodes in the rows, if it was not told before. */
  readonly words: readonly Word[];
}

/** What was added in a part of one hour: a row is what was added to it, and rows of all slices of an hour add up. */
export interface Slice {
  /** Hours since 1970 (UTC). */
  readonly hour: number;
  /** Slices are numbered in the order in which they were written. */
  readonly seq: number;
  /** False when nobody knew what time it was: the hour is a guess. */
  readonly sure: boolean;
  /** Words that no slice before it in its file has used. */
  readonly words: NewWords;
  readonly interfaces: readonly InterfaceTotal[];
  readonly rows: readonly NumberedRow[];
}

/** A row with numbers of words for its ends; 0 for {@link OTHERS}. */
export interface NumberedRow extends Omit<Row, 'device' | 'other'> {
  readonly device: number;
  readonly other: number;
}

const VERSION = 1;
const UNSURE = 1;
/** Which amounts of a row follow: most have few. */
const [UP, DOWN, BEGUN, BLOCKED, PARTIAL, OTHER_IS_DEVICE] = [1, 2, 4, 8, 16, 32];
const MAX_INTERFACES = 64;
const MAX_NAME = 15;
/** Far beyond any clock; the hour is part of the names of files. */
const MAX_HOUR = 0xff_ff_ff_ff;
const MAX_FIRST = 2 * MAX_WORDS;

/** Rows of one device have to follow each other. */
export function encodeSlice(slice: Slice): Uint8Array {
  const writer = new PackedWriter().number(VERSION).number(slice.sure ? 0 : UNSURE);
  writer.number(slice.hour).number(slice.seq).number(slice.words.first);
  writeWords(writer, slice.words.words);
  writeBody(writer, slice);
  return writer.finish();
}

/** Undefined when it is rubbish or of a later version. */
export function decodeSlice(value: Uint8Array): Slice | undefined {
  const reader = new PackedReader(value);
  if (reader.number() !== VERSION) return undefined;
  const flags = reader.number();
  const [hour, seq, first] = [reader.number(), reader.number(), reader.number()];
  const words = readWords(reader);
  const body = words === undefined ? undefined : readBody(reader);
  if (flags > UNSURE || hour > MAX_HOUR || first > MAX_FIRST || words === undefined || body === undefined)
    return undefined;
  return { hour, seq, sure: flags === 0, words: { first, words }, ...body };
}

export function writeBody(
  writer: PackedWriter,
  { interfaces, rows }: Pick<Slice, 'interfaces' | 'rows'>,
): void {
  writer.number(Math.min(interfaces.length, MAX_INTERFACES));
  for (const total of interfaces.slice(0, MAX_INTERFACES)) {
    writer.text(total.name, MAX_NAME).number(total.receivedBytes).number(total.sentBytes);
    writer.number(total.receivedPackets).number(total.sentPackets);
  }
  let from = 0;
  while (from < rows.length) {
    const device = rows[from]?.device ?? 0;
    let to = from + 1;
    while (rows[to]?.device === device) to += 1;
    writer.number(device).number(to - from);
    for (const row of rows.slice(from, to)) writeRow(writer, row);
    from = to;
  }
}

/** Reads to the end of the bytes. */
export function readBody(reader: PackedReader): Pick<Slice, 'interfaces' | 'rows'> | undefined {
  const interfaces: InterfaceTotal[] = [];
  const count = reader.number();
  if (count > MAX_INTERFACES) return undefined;
  for (let i = 0; i < count; i++) {
    const name = reader.text(MAX_NAME);
    const [receivedBytes, sentBytes] = [reader.number(), reader.number()];
    interfaces.push({
      name,
      receivedBytes,
      sentBytes,
      receivedPackets: reader.number(),
      sentPackets: reader.number(),
    });
  }
  const rows: NumberedRow[] = [];
  while (!reader.broken && !reader.atEnd) {
    const device = reader.number();
    const of = reader.number();
    // A row takes two bytes at least.
    if (of > reader.left) return undefined;
    for (let i = 0; i < of && !reader.broken; i++) rows.push(readRow(reader, device));
  }
  return reader.broken ? undefined : { interfaces, rows };
}

function writeRow(writer: PackedWriter, row: NumberedRow): void {
  const { up, down, begun, blocked } = row;
  const has =
    (up.bytes + up.packets > 0 ? UP : 0) |
    (down.bytes + down.packets > 0 ? DOWN : 0) |
    (begun > 0 ? BEGUN : 0) |
    (blocked.packets > 0 ? BLOCKED : 0) |
    (row.partial ? PARTIAL : 0) |
    (row.otherIsDevice ? OTHER_IS_DEVICE : 0);
  writer.number(row.other).number(has);
  if (has & UP) writer.number(up.bytes).number(up.packets);
  if (has & DOWN) writer.number(down.bytes).number(down.packets);
  if (has & BEGUN) writer.number(begun);
  if (has & BLOCKED) writer.number(blocked.bytes).number(blocked.packets);
}

function readRow(reader: PackedReader, device: number): NumberedRow {
  const other = reader.number();
  const has = reader.number();
  const counts = (bit: number) => {
    if ((has & bit) === 0) return NONE;
    const bytes = reader.number();
    return { bytes, packets: reader.number() };
  };
  return {
    device,
    other,
    otherIsDevice: (has & OTHER_IS_DEVICE) !== 0,
    up: counts(UP),
    down: counts(DOWN),
    begun: has & BEGUN ? reader.number() : 0,
    blocked: counts(BLOCKED),
    partial: (has & PARTIAL) !== 0,
  };
}

/** The row with what its numbers stand for. A number without a word, which happens when a value was damaged, is of others. */
export function spelledOut(row: NumberedRow, words: readonly Word[]): Row {
  const id = (number: number) => (number === 0 ? OTHERS : (words[number - 1]?.id ?? OTHERS));
  return { ...row, device: id(row.device), other: id(row.other) };
}

/** The same interfaces' totals added up. */
export function addInterfaces(
  one: readonly InterfaceTotal[],
  more: readonly InterfaceTotal[],
): InterfaceTotal[] {
  const sums = new Map(one.map((total) => [total.name, total]));
  for (const total of more) {
    const before = sums.get(total.name);
    if (before === undefined) sums.set(total.name, total);
    else {
      sums.set(total.name, {
        name: total.name,
        receivedBytes: before.receivedBytes + total.receivedBytes,
        sentBytes: before.sentBytes + total.sentBytes,
        receivedPackets: before.receivedPackets + total.receivedPackets,
        sentPackets: before.sentPackets + total.sentPackets,
      });
    }
  }
  return [...sums.values()];
}
