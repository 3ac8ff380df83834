import { Column } from '../../policy/column.ts';
import type { Counts } from '../observe/conntrack.ts';
import type { Sighting } from './flow.ts';

/** Bits of what is so of a flow. */
const OTHER_IS_DEVICE = 1;
const PARTIAL = 2;
const OFFLOADED = 4;
const UP_KNOWN = 8;
const DOWN_KNOWN = 16;
const ACTIVE = 32;

/** How many numbers a flow has in the columns of whole numbers: packets and bytes, up and down. */
const COUNTERS = 4;
const UP = 0;
const DOWN = 2;

/**
 * What is known of each flow, by slot, in typed arrays: 69 bytes a flow. Who its ends are is in flow-ends.ts. Times are
 * monotonic milliseconds.
 */
export class FlowColumns {
  readonly #service = Column.ofInts();
  readonly #entries = Column.ofInts();
  readonly #idle = Column.ofInts();
  readonly #flags = Column.ofBytes();
  readonly #counts = Column.ofFloats();
  readonly #firstSeen = Column.ofFloats();
  readonly #lastSeen = Column.ofFloats();
  /** The running number of the flow in the slot; 0 when it is free. */
  readonly #born = Column.ofFloats();

  /** Slots, free ones among them. */
  get length(): number {
    return this.#flags.length;
  }

  /** Begins a flow in a slot, which may be the next after the last. `born` is above 0. */
  begin(slot: number, service: number, otherIsDevice: boolean, born: number, now: number): void {
    if (slot === this.length) this.#extend();
    this.#service.set(slot, service);
    this.#entries.set(slot, 0);
    this.#idle.set(slot, 0);
    this.#flags.set(slot, otherIsDevice ? OTHER_IS_DEVICE : 0);
    for (let i = 0; i < COUNTERS; i++) this.#counts.set(slot * COUNTERS + i, 0);
    this.#firstSeen.set(slot, now);
    this.#lastSeen.set(slot, now);
    this.#born.set(slot, born);
  }

  end(slot: number): void {
    this.#born.set(slot, 0);
  }

  service(slot: number): number {
    return this.#service.at(slot);
  }

  born(slot: number): number {
    return this.#born.at(slot);
  }

  firstSeen(slot: number): number {
    return this.#firstSeen.at(slot);
  }

  lastSeen(slot: number): number {
    return this.#lastSeen.at(slot);
  }

  entries(slot: number): number {
    return this.#entries.at(slot);
  }

  otherIsDevice(slot: number): boolean {
    return this.#has(slot, OTHER_IS_DEVICE);
  }

  partial(slot: number): boolean {
    return this.#has(slot, PARTIAL);
  }

  offloaded(slot: number): boolean {
    return this.#has(slot, OFFLOADED);
  }

  up(slot: number): Counts | undefined {
    return this.#has(slot, UP_KNOWN) ? this.#read(slot, UP) : undefined;
  }

  down(slot: number): Counts | undefined {
    return this.#has(slot, DOWN_KNOWN) ? this.#read(slot, DOWN) : undefined;
  }

  /** Adds what a piece of news tells; `turned` when its device is the other end here. */
  add(slot: number, { up, down, entries, offloaded }: Sighting, turned: boolean): void {
    this.#count(slot, turned ? down : up, UP, UP_KNOWN);
    this.#count(slot, turned ? up : down, DOWN, DOWN_KNOWN);
    if (entries >= 0 && (up === undefined || down === undefined)) this.#mark(slot, PARTIAL);
    if (offloaded) this.#mark(slot, OFFLOADED);
    if (entries !== 0) this.#entries.set(slot, Math.max(0, this.#entries.at(slot) + entries));
  }

  /** The flow was active. */
  activate(slot: number, now: number): void {
    this.#mark(slot, ACTIVE);
    this.#lastSeen.set(slot, now);
  }

  /** Ends a period: an active one halves the count of idle periods, an idle one is counted. Answers the count. */
  age(slot: number): number {
    const flags = this.#flags.at(slot);
    const idle = flags & ACTIVE ? this.#idle.at(slot) >> 1 : this.#idle.at(slot) + 1;
    this.#flags.set(slot, flags & ~ACTIVE);
    this.#idle.set(slot, idle);
    return idle;
  }

  #extend(): void {
    for (const column of [this.#service, this.#entries, this.#idle, this.#flags]) column.push(0);
    for (const column of [this.#firstSeen, this.#lastSeen, this.#born]) column.push(0);
    for (let i = 0; i < COUNTERS; i++) this.#counts.push(0);
  }

  #count(slot: number, counts: Counts | undefined, from: typeof UP | typeof DOWN, known: number): void {
    if (counts === undefined) return;
    const at = slot * COUNTERS + from;
    this.#counts.set(at, this.#counts.at(at) + counts.packets);
    this.#counts.set(at + 1, this.#counts.at(at + 1) + counts.bytes);
    this.#mark(slot, known);
  }

  #read(slot: number, from: typeof UP | typeof DOWN): Counts {
    const at = slot * COUNTERS + from;
    return { packets: this.#counts.at(at), bytes: this.#counts.at(at + 1) };
  }

  #has(slot: number, flag: number): boolean {
    return (this.#flags.at(slot) & flag) !== 0;
  }

  #mark(slot: number, flag: number): void {
    this.#flags.set(slot, this.#flags.at(slot) | flag);
  }
}
