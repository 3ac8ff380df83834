import type { Archive } from './archive.ts';
import type { Crypto } from './crypto.ts';
import type { Ledger } from './ledger.ts';
import { decodeStoredOp, type Op } from './op.ts';

interface Numbered {
  readonly n: number;
  readonly op: Op;
}

/** Reads held ops from the archive when somebody wants to know what they say. */
export class OpReader {
  readonly #ledger: Ledger;
  readonly #archive: Archive;
  readonly #crypto: Crypto;
  /** The op that was admitted last: the archive may not have it yet while it is folded. */
  #newest: Numbered | undefined;
  /** The op that was read last: most questions about one come in a row. */
  #lastRead: Numbered | undefined;

  constructor(ledger: Ledger, archive: Archive, crypto: Crypto) {
    this.#ledger = ledger;
    this.#archive = archive;
    this.#crypto = crypto;
  }

  admitted(n: number, op: Op): void {
    this.#newest = { n, op };
  }

  /** Op number `n`; undefined when the archive cannot give its bytes, or gives others. */
  read(n: number): Op | undefined {
    if (this.#newest?.n === n) return this.#newest.op;
    if (this.#lastRead?.n === n) return this.#lastRead.op;
    const envelope = this.#archive.read(n);
    if (envelope === undefined) return undefined;
    const decoded = decodeStoredOp(envelope, this.#ledger.idOf(n), this.#crypto);
    if (!decoded.ok) return undefined;
    this.#lastRead = { n, op: decoded.op };
    return decoded.op;
  }
}
