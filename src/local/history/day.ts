import type { NodeId } from '../../policy/block-set.ts';
import { PackedReader, PackedWriter } from './packed.ts';
import { OTHERS } from './row.ts';
import { type Piece, readBody, spelledOut, writeBody } from './slice.ts';
import { readWords, type Word, writeWords } from './words.ts';

const VERSION = 1;
const UNSURE = 1;

/** A whole day, once its hours are given up. Rows of one device have to follow each other. */
export function encodeDay(day: Omit<Piece, 'words'>, textOf: (id: NodeId) => string): Uint8Array {
  const numbers = new Map<NodeId, number>();
  const words: Word[] = [];
  const numberOf = (id: NodeId): number => {
    if (id === OTHERS) return 0;
    let number = numbers.get(id);
    if (number === undefined) {
      words.push({ id, text: textOf(id) });
      number = words.length;
      numbers.set(id, number);
    }
    return number;
  };
  const rows = day.rows.map((row) => ({ ...row, device: numberOf(row.device), other: numberOf(row.other) }));
  const writer = new PackedWriter().number(VERSION).number(day.sure ? 0 : UNSURE);
  writeWords(writer, words);
  writeBody(writer, { interfaces: day.interfaces, rows });
  return writer.finish();
}

/** Undefined when it is rubbish or of a later version. */
export function decodeDay(value: Uint8Array): Piece | undefined {
  const reader = new PackedReader(value);
  if (reader.number() !== VERSION) return undefined;
  const flags = reader.number();
  const words = readWords(reader);
  const body = words === undefined ? undefined : readBody(reader);
  if (flags > UNSURE || words === undefined || body === undefined) return undefined;
  return {
    sure: flags === 0,
    interfaces: body.interfaces,
    rows: body.rows.map((row) => spelledOut(row, words)),
    words,
  };
}
