import type { NodeId } from '../../policy/block-set.ts';
import type { PackedReader, PackedWriter } from './packed.ts';

/** A node in the history: a row names it by a number, which means something in its file only. */
export interface Word {
  readonly id: NodeId;
  /** Its MAC, domain or address, for when nobody knows the node any more; '' when that was not known. */
  readonly text: string;
}

/** So many words in a file; then a new one begins. */
export const MAX_WORDS = 50_000;
/** Bytes; domains are shorter. */
const MAX_TEXT = 255;
const ID_BYTES = 16;

/**
 * The words of the rows in one file: a node is spelled out once and then goes by its number, 1, 2, 3 … A file has rows of one
 * day, so that words go with the rows that use them.
 */
export class Words {
  readonly #numbers = new Map<NodeId, number>();
  #new: Word[] = [];

  get size(): number {
    return this.#numbers.size;
  }

  /** @param textOf asked for a word that is new */
  numberOf(id: NodeId, textOf: (id: NodeId) => string): number {
    const known = this.#numbers.get(id);
    if (known !== undefined) return known;
    const number = this.#numbers.size + 1;
    this.#numbers.set(id, number);
    this.#new.push({ id, text: textOf(id) });
    return number;
  }

  /** The words that are new since the last call, with the number of the first. */
  take(): NewWords {
    const words = this.#new;
    this.#new = [];
    return { first: this.#numbers.size - words.length + 1, words };
  }
}

export interface NewWords {
  readonly first: number;
  readonly words: readonly Word[];
}

export function writeWords(writer: PackedWriter, words: readonly Word[]): void {
  writer.number(words.length);
  for (const { id, text } of words) {
    // Ids are 32 hex digits; `internet` and networks are spelled out.
    const isId = /^[0-9a-f]{32}$/.test(id);
    writer.number(isId ? 1 : 0);
    if (isId) writer.bytes(Buffer.from(id, 'hex'));
    else writer.text(id, MAX_TEXT);
    writer.text(text, MAX_TEXT);
  }
}

export function readWords(reader: PackedReader): Word[] | undefined {
  const count = reader.number();
  if (reader.broken || count > reader.left) return undefined;
  const words: Word[] = [];
  for (let i = 0; i < count; i++) {
    const kind = reader.number();
    const id = kind === 1 ? Buffer.from(reader.bytes(ID_BYTES)).toString('hex') : reader.text(MAX_TEXT);
    const text = reader.text(MAX_TEXT);
    if (reader.broken || kind > 1) return undefined;
    words.push({ id, text });
  }
  return words;
}
