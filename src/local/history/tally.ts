import type { NodeId } from '../../policy/block-set.ts';
import { Column } from '../../policy/column.ts';
import type { Drop, Sighting } from '../flows/flow.ts';
import { NONE, OTHERS, type Row } from './row.ts';

/** Where the amounts of a row lie in its slot. */
const [UP_BYTES, UP_PACKETS, DOWN_BYTES, DOWN_PACKETS, BEGUN, BLOCKED_BYTES, BLOCKED_PACKETS, FLAGS] = [
  0, 1, 2, 3, 4, 5, 6, 7,
];
const STRIDE = 8;
const PARTIAL = 1;
const OTHER_IS_DEVICE = 2;

/**
 * Adds up what was seen, per device and other node: about 100 bytes a row. When there is no room for one more row, the half
 * with the fewest bytes is folded into one row per device, so that sums stay right and the talkative stay apart.
 */
export class Tally {
  readonly #maxRows: number;
  readonly #rows = new Map<NodeId, Map<NodeId, number>>();
  #amounts = Column.ofFloats();
  #size = 0;
  /** Rows but those of {@link OTHERS}. */
  #named = 0;
  #folded = 0;

  /** @param maxRows as many rows at most, not counting one of {@link OTHERS} for each device */
  constructor(maxRows: number) {
    this.#maxRows = maxRows;
  }

  /** Rows, those of {@link OTHERS} among them. */
  get size(): number {
    return this.#size;
  }

  /** Rows that were folded since the start. */
  get folded(): number {
    return this.#folded;
  }

  /** Bytes that a device sent and received, and so on: takes news in. */
  sees({ device, other, otherIsDevice, up, down, entries }: Sighting): void {
    const at = this.#slot(device, other, otherIsDevice);
    this.#add(at + UP_BYTES, up?.bytes ?? 0);
    this.#add(at + UP_PACKETS, up?.packets ?? 0);
    this.#add(at + DOWN_BYTES, down?.bytes ?? 0);
    this.#add(at + DOWN_PACKETS, down?.packets ?? 0);
    if (entries > 0) this.#add(at + BEGUN, 1);
    if (entries >= 0 && (up === undefined || down === undefined)) this.#flag(at, PARTIAL);
  }

  drops({ device, other, otherIsDevice, packets, bytes }: Drop): void {
    const at = this.#slot(device, other, otherIsDevice);
    this.#add(at + BLOCKED_BYTES, bytes);
    this.#add(at + BLOCKED_PACKETS, packets);
  }

  addRow(row: Row): void {
    const at = this.#slot(row.device, row.other, row.otherIsDevice);
    this.#add(at + UP_BYTES, row.up.bytes);
    this.#add(at + UP_PACKETS, row.up.packets);
    this.#add(at + DOWN_BYTES, row.down.bytes);
    this.#add(at + DOWN_PACKETS, row.down.packets);
    this.#add(at + BEGUN, row.begun);
    this.#add(at + BLOCKED_BYTES, row.blocked.bytes);
    this.#add(at + BLOCKED_PACKETS, row.blocked.packets);
    if (row.partial) this.#flag(at, PARTIAL);
  }

  /** The rows, one device after the other. Rows of nothing at all are left out. */
  *rows(): Generator<Row> {
    for (const [device, others] of this.#rows) {
      for (const [other, at] of others) {
        const row = this.#row(device, other, at);
        if (!isNothing(row)) yield row;
      }
    }
  }

  /** Folds the rows with the fewest bytes until so many are left, not counting those of {@link OTHERS}. */
  fold(rows: number): void {
    if (this.#named <= rows) return;
    const all: { device: NodeId; other: NodeId; at: number; weight: number }[] = [];
    for (const [device, others] of this.#rows) {
      for (const [other, at] of others) all.push({ device, other, at, weight: this.#weight(other, at) });
    }
    all.sort((x, y) => y.weight - x.weight);
    const kept = new Tally(this.#maxRows);
    for (const { device, other, at } of all) {
      const row = this.#row(device, other, at);
      if (other === OTHERS || kept.#named < rows) kept.addRow(row);
      else {
        kept.addRow({ ...row, other: OTHERS, otherIsDevice: false });
        this.#folded += 1;
      }
    }
    this.#take(kept);
  }

  clear(): void {
    this.#take(new Tally(0));
  }

  #take(other: Tally): void {
    this.#rows.clear();
    for (const [device, others] of other.#rows) this.#rows.set(device, others);
    this.#amounts = other.#amounts;
    this.#size = other.#size;
    this.#named = other.#named;
  }

  #slot(device: NodeId, other: NodeId, otherIsDevice: boolean): number {
    const known = this.#rows.get(device)?.get(other);
    if (known !== undefined) return known;
    if (device !== OTHERS && !this.#rows.has(device) && this.#rows.size > this.#maxRows) {
      this.#folded += 1;
      return this.#slot(OTHERS, OTHERS, false);
    }
    if (other !== OTHERS && this.#named >= this.#maxRows) this.fold(Math.floor(this.#maxRows / 2));
    const at = this.#amounts.length;
    this.#amounts.reserve(at + STRIDE);
    for (let i = 0; i < STRIDE; i++) this.#amounts.push(0);
    const others = this.#rows.get(device) ?? new Map<NodeId, number>();
    others.set(other, at);
    this.#rows.set(device, others);
    this.#size += 1;
    if (other !== OTHERS) this.#named += 1;
    if (otherIsDevice) this.#flag(at, OTHER_IS_DEVICE);
    return at;
  }

  #add(at: number, amount: number): void {
    this.#amounts.set(at, this.#amounts.at(at) + amount);
  }

  #flag(at: number, flag: number): void {
    this.#amounts.set(at + FLAGS, this.#amounts.at(at + FLAGS) | flag);
  }

  /** A row between two devices belongs to both, and would be lost to one of them: it is folded last. */
  #weight(other: NodeId, at: number): number {
    const { items } = this.#amounts;
    if (other === OTHERS || ((items[at + FLAGS] ?? 0) & OTHER_IS_DEVICE) !== 0) return Infinity;
    return (items[at + UP_BYTES] ?? 0) + (items[at + DOWN_BYTES] ?? 0) + (items[at + BLOCKED_BYTES] ?? 0);
  }

  #row(device: NodeId, other: NodeId, at: number): Row {
    const read = (field: number) => this.#amounts.at(at + field);
    const blocked = read(BLOCKED_PACKETS);
    return {
      device,
      other,
      otherIsDevice: (read(FLAGS) & OTHER_IS_DEVICE) !== 0,
      up: { packets: read(UP_PACKETS), bytes: read(UP_BYTES) },
      down: { packets: read(DOWN_PACKETS), bytes: read(DOWN_BYTES) },
      begun: read(BEGUN),
      blocked: blocked === 0 ? NONE : { packets: blocked, bytes: read(BLOCKED_BYTES) },
      partial: (read(FLAGS) & PARTIAL) !== 0,
    };
  }
}

function isNothing({ up, down, begun, blocked, partial }: Row): boolean {
  return up.packets + up.bytes + down.packets + down.bytes + begun + blocked.packets === 0 && !partial;
}
