import { Column } from './column.ts';

/** Bytes of an op's id (SHA-256). */
export const ID_BYTES = 32;

/**
 * The ids of all held ops in one byte array, and the way from an id to its number: open addressing with linear
 * probing over the ids themselves (Knuth, TAOCP 3, 6.4). An id is a hash already, so its first bytes choose the slot.
 */
export class OpIndex {
  readonly #ids = Column.ofBytes();
  /** Numbers plus one; 0 is a free slot. As long as a power of two, at most two thirds full. */
  #slots = new Int32Array(256);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The id of op `n`, a copy. */
  idOf(n: number): Uint8Array {
    return this.#ids.slice(n * ID_BYTES, (n + 1) * ID_BYTES);
  }

  /** The number of the op whose id stands in `bytes` from `at` on; −1 when it is not held, or when that is no id. */
  find(bytes: Uint8Array, at = 0): number {
    if (bytes.length - at < ID_BYTES) return -1;
    return (this.#slots[this.#slotOf(bytes, at)] as number) - 1;
  }

  /** Gives the next number to the id that stands in `bytes` from `at` on and is not held. */
  add(bytes: Uint8Array, at = 0): number {
    if (this.#size * 3 >= this.#slots.length * 2) this.#spread(this.#slots.length * 2);
    const slot = this.#slotOf(bytes, at);
    this.#ids.append(bytes, at, at + ID_BYTES);
    this.#size += 1;
    this.#slots[slot] = this.#size;
    return this.#size - 1;
  }

  /** The slot that holds the id, or the free one where it belongs. */
  #slotOf(bytes: Uint8Array, at: number): number {
    const ids = this.#ids.items;
    const mask = this.#slots.length - 1;
    for (let slot = firstBytes(bytes, at) & mask; ; slot = (slot + 1) & mask) {
      const number = this.#slots[slot] as number;
      if (number === 0 || equal(ids, (number - 1) * ID_BYTES, bytes, at)) return slot;
    }
  }

  /** Makes room for so many ids in all. */
  reserve(size: number): void {
    this.#ids.reserve(size * ID_BYTES);
    let slots = this.#slots.length;
    while (size * 3 >= slots * 2) slots *= 2;
    if (slots > this.#slots.length) this.#spread(slots);
  }

  #spread(slots: number): void {
    this.#slots = new Int32Array(slots);
    const mask = this.#slots.length - 1;
    for (let n = 0; n < this.#size; n++) {
      let slot = firstBytes(this.#ids.items, n * ID_BYTES) & mask;
      while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
      this.#slots[slot] = n + 1;
    }
  }
}

/** The first four bytes as one number; asked for every op at a start, so without a closure. */
function firstBytes(bytes: Uint8Array, at: number): number {
  const high = ((bytes[at] as number) << 24) | ((bytes[at + 1] as number) << 16);
  return high | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number);
}

function equal(x: Uint8Array, from: number, y: Uint8Array, at: number): boolean {
  for (let i = 0; i < ID_BYTES; i++) if (x[from + i] !== y[at + i]) return false;
  return true;
}
