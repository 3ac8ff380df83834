import type { NodeId } from '../../policy/block-set.ts';
import type { Ends } from './ends.ts';
import type { EntryKey } from './entry-key.ts';

/** State of a slot that is in use: the kernel has the entry; a reading no longer showed it; its end was told. */
export const [LIVE, GONE, CLOSED] = [1, 2, 3];
/**
 * Marks of a slot: an end was taken for a former connection of its name; it is offloaded; it is of IPv6; it has begun since
 * a reading showed it, so that its counters are no longer those of that reading.
 */
export const [SPENT, OFFLOADED, IPV6, BEGUN] = [1, 2, 4, 8];

const FREE = -1;
const FIRST_ROOM = 1_024;
/** Bits of a slot's flags that hold its ends. */
const [OUTWARD, OTHER_IS_DEVICE] = [1, 2];

/**
 * Numbers of followed conntrack entries in typed columns, one slot each: about 100 bytes an entry, where an object in a
 * Map of strings costs several hundred. Slots are found by key (open addressing, at most half full) and used again.
 */
export class EntryTable {
  /** Last counters of the original direction and of the reply; NaN: the kernel did not count. */
  packets = new Float64Array(0);
  bytes = new Float64Array(0);
  replyPackets = new Float64Array(0);
  replyBytes = new Float64Array(0);
  /** 0 for a slot that is free. */
  state = new Uint8Array(0);
  protocol = new Uint8Array(0);
  /** Readings are counted: the last that showed the entry, and the one in which it ended. */
  seen = new Int32Array(0);
  ended = new Int32Array(0);
  #marks = new Uint8Array(0);
  readonly #device: (NodeId | undefined)[] = [];
  readonly #other: NodeId[] = [];
  #port = new Uint16Array(0);
  #ends = new Uint8Array(0);
  #high = new Int32Array(0);
  #low = new Int32Array(0);
  /** Slots by hashed key. */
  #index = new Int32Array(FIRST_ROOM * 2).fill(FREE);
  readonly #free: number[] = [];
  #top = 0;

  /** Slots in use. */
  get size(): number {
    return this.#top - this.#free.length;
  }

  /** The slot of a key; −1 when there is none. */
  find({ high, low }: EntryKey): number {
    const mask = this.#index.length - 1;
    for (let at = placeOf(high, low) & mask; ; at = (at + 1) & mask) {
      const slot = this.#index[at] as number;
      if (slot === FREE || (this.#high[slot] === high && this.#low[slot] === low)) return slot;
    }
  }

  /** A slot for a key that has none, with everything in it zero and no ends. The caller gives it a state. Columns may be new ones after. */
  add({ high, low }: EntryKey): number {
    if (this.#free.length === 0 && this.#top === this.state.length) this.#grow();
    const slot = this.#free.pop() ?? this.#top++;
    this.#high[slot] = high;
    this.#low[slot] = low;
    for (const column of [this.packets, this.bytes, this.replyPackets, this.replyBytes]) column[slot] = 0;
    for (const column of [this.state, this.#marks, this.protocol, this.seen, this.ended]) column[slot] = 0;
    this.#device[slot] = undefined;
    this.#enter(slot);
    return slot;
  }

  /** Frees a slot, keeping every run of the index without a hole (Knuth, The Art of Computer Programming 6.4, R). */
  remove(slot: number): void {
    const index = this.#index;
    const mask = index.length - 1;
    let hole = this.#home(slot);
    while (index[hole] !== slot) hole = (hole + 1) & mask;
    for (let at = (hole + 1) & mask; index[at] !== FREE; at = (at + 1) & mask) {
      const distance = (at - this.#home(index[at] as number)) & mask;
      if (distance < ((at - hole) & mask)) continue;
      index[hole] = index[at] as number;
      hole = at;
    }
    index[hole] = FREE;
    this.#device[slot] = undefined;
    this.#other[slot] = '';
    this.state[slot] = 0;
    this.#free.push(slot);
  }

  /** All slots that were ever used are below. */
  get top(): number {
    return this.#top;
  }

  /** Whose the entry is; undefined as long as that is not known. */
  endsAt(slot: number): Ends | undefined {
    const device = this.#device[slot];
    if (device === undefined) return undefined;
    const bits = this.#ends[slot] as number;
    return {
      device,
      other: this.#other[slot] as NodeId,
      otherIsDevice: (bits & OTHER_IS_DEVICE) !== 0,
      port: this.#port[slot] as number,
      outward: (bits & OUTWARD) !== 0,
    };
  }

  setEnds(slot: number, { device, other, otherIsDevice, port, outward }: Ends): void {
    this.#device[slot] = device;
    this.#other[slot] = other;
    this.#port[slot] = port;
    this.#ends[slot] = (outward ? OUTWARD : 0) | (otherIsDevice ? OTHER_IS_DEVICE : 0);
  }

  is(slot: number, mark: number): boolean {
    return ((this.#marks[slot] as number) & mark) !== 0;
  }

  mark(slot: number, marks: number): void {
    this.#marks[slot] = (this.#marks[slot] as number) | marks;
  }

  unmark(slot: number, marks: number): void {
    this.#marks[slot] = (this.#marks[slot] as number) & ~marks;
  }

  #home(slot: number): number {
    return placeOf(this.#high[slot] as number, this.#low[slot] as number) & (this.#index.length - 1);
  }

  #enter(slot: number): void {
    const mask = this.#index.length - 1;
    let at = this.#home(slot);
    while (this.#index[at] !== FREE) at = (at + 1) & mask;
    this.#index[at] = slot;
  }

  #grow(): void {
    const room = Math.max(FIRST_ROOM, Math.ceil(this.state.length * 1.5));
    this.packets = wider(this.packets, room);
    this.bytes = wider(this.bytes, room);
    this.replyPackets = wider(this.replyPackets, room);
    this.replyBytes = wider(this.replyBytes, room);
    this.state = wider(this.state, room);
    this.#marks = wider(this.#marks, room);
    this.protocol = wider(this.protocol, room);
    this.seen = wider(this.seen, room);
    this.ended = wider(this.ended, room);
    this.#port = wider(this.#port, room);
    this.#ends = wider(this.#ends, room);
    this.#high = wider(this.#high, room);
    this.#low = wider(this.#low, room);
    if (room * 2 <= this.#index.length) return;
    this.#index = new Int32Array(2 ** Math.ceil(Math.log2(room * 2))).fill(FREE);
    // It only grows when no slot is free, so each of them has a key.
    for (let slot = 0; slot < this.#top; slot++) this.#enter(slot);
  }
}

/** Both halves of a key count, whatever is in them: ids of older kernels are places in memory. */
function placeOf(high: number, low: number): number {
  const spread = Math.imul(high, 0x9e37_79b1) ^ low;
  return (spread ^ (spread >>> 15)) >>> 0;
}

function wider<A extends Float64Array | Int32Array | Uint16Array | Uint8Array>(column: A, room: number): A {
  const wide = new (column.constructor as new (length: number) => A)(room);
  wide.set(column);
  return wide;
}
