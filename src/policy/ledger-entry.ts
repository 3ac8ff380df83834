import type { Actor } from './chains.ts';
import { fromHex } from './crypto.ts';
import type { Op } from './op.ts';
import { KINDS } from './record-codec.ts';
import type { OpId, Record } from './records.ts';

/** The name of a record in an `over` list: the op by number, or by id as long as it is not held. */
export type Name =
  | { readonly op: number; readonly index: number }
  | { readonly id: Uint8Array; readonly index: number };

/** What the ledger keeps of an op: everything that the fold and sync need of it, and nothing of what it says. */
export interface Entry {
  /** Bytes in which the id stands, and where it begins. */
  readonly ids: Uint8Array;
  readonly at: number;
  /** The number of the op before it, or who begins a chain with it. */
  readonly follows: number | Actor;
  /** The kinds of its records, see {@link kindOf}. */
  readonly kinds: ArrayLike<number>;
  readonly over: readonly Name[];
}

/** The kind of a record in one byte: its field number, 0 when this version does not know it. */
export function kindOf(record: Record): number {
  return record.kind === 'unknown' ? 0 : KINDS[record.kind];
}

/** What the ledger keeps of an op that follows the one with this number, or begins its actor's chain. */
export function entryOf(op: Op, follows: number | Actor): Entry {
  return {
    ids: idBytes(op.id),
    at: 0,
    follows,
    kinds: op.add.map(kindOf),
    over: op.over.map((record) => {
      const [id = '', index] = record.split('/');
      return { id: idBytes(id), index: Number(index) };
    }),
  };
}

/** The 32 bytes of an id. */
export function idBytes(id: OpId): Uint8Array {
  const bytes = fromHex(id);
  if (bytes === undefined) throw new RangeError('not an id');
  return bytes;
}
