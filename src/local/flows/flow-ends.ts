import type { NodeId } from '../../policy/block-set.ts';
import { Column } from '../../policy/column.ts';
import { ByCount } from './by-count.ts';

const NONE = -1;

/**
 * The two ends of each flow: nodes by small numbers with reference counts, and for each node its flows from the most
 * recently active to the quietest. A flow is known by its slot; its ends `2 × slot` (the device) and `2 × slot + 1` hang in
 * two doubly linked lists.
 */
export class FlowEnds {
  readonly #numbers = new Map<NodeId, number>();
  /** By number, as the three columns below; a free number has no id. */
  readonly #ids: (NodeId | undefined)[] = [];
  readonly #held = Column.ofInts();
  readonly #first = Column.ofInts();
  readonly #last = Column.ofInts();
  readonly #free: number[] = [];
  /** Numbers of nodes that are devices, and the same by how many flows they have. */
  readonly #devices = new Set<number>();
  readonly #busiest = new ByCount();
  /** By end: whose it is, and its neighbours in that node's list. */
  readonly #nodes = Column.ofInts();
  readonly #next = Column.ofInts();
  readonly #previous = Column.ofInts();

  /** The number of a node that flows hold. */
  numberOf(id: NodeId): number | undefined {
    return this.#numbers.get(id);
  }

  /** How many flows have the node at an end. */
  heldBy(id: NodeId): number {
    const number = this.#numbers.get(id);
    return number === undefined ? 0 : this.#held.at(number);
  }

  /** Every node that a flow holds, with how many do. */
  *held(): Generator<[id: NodeId, flows: number]> {
    for (const [id, number] of this.#numbers) yield [id, this.#held.at(number)];
  }

  /** What the end that keeps fewer flows keeps. */
  leastHeld(slot: number): number {
    return Math.min(this.#held.at(this.device(slot)), this.#held.at(this.other(slot)));
  }

  /** Number of the node at the device's end. */
  device(slot: number): number {
    return this.#nodes.at(2 * slot);
  }

  other(slot: number): number {
    return this.#nodes.at(2 * slot + 1);
  }

  /** The id of a number in use. */
  idOf(number: number): NodeId {
    return this.#ids[number] ?? '';
  }

  /** The slots of a node's flows, the most recently active first. A fresh array. */
  slotsOf(id: NodeId): number[] {
    const number = this.#numbers.get(id);
    const slots: number[] = [];
    if (number === undefined) return slots;
    for (let end = this.#first.at(number); end !== NONE; end = this.#next.at(end)) {
      const slot = end >> 1;
      // A flow of a node with itself hangs there twice.
      if ((end & 1) === 0 || this.device(slot) !== number) slots.push(slot);
    }
    return slots;
  }

  /** The flow that was quiet for longest of the device with the most flows. */
  quietestOfMost(): number | undefined {
    const most = this.#busiest.first;
    return most === undefined ? undefined : this.#last.at(most) >> 1;
  }

  /** Hangs a flow on its ends. Slots are given from 0 on without gaps. */
  attach(slot: number, device: NodeId, other: NodeId, otherIsDevice: boolean): void {
    while (this.#nodes.length < 2 * slot + 2) {
      this.#nodes.push(0);
      this.#next.push(NONE);
      this.#previous.push(NONE);
    }
    this.#hang(2 * slot, device, true);
    this.#hang(2 * slot + 1, other, otherIsDevice);
  }

  /** The flow was active: it is now the last of both its ends to go. */
  touch(slot: number): void {
    for (let end = 2 * slot; end <= 2 * slot + 1; end++) {
      if (this.#previous.at(end) === NONE) continue;
      this.#unlink(end);
      this.#link(end);
    }
  }

  detach(slot: number): void {
    for (let end = 2 * slot; end <= 2 * slot + 1; end++) {
      const number = this.#nodes.at(end);
      this.#unlink(end);
      this.#hold(number, -1);
      if (this.#held.at(number) === 0) this.#release(number);
    }
  }

  #hang(end: number, id: NodeId, isDevice: boolean): void {
    const number = this.#numbers.get(id) ?? this.#take(id);
    if (isDevice && !this.#devices.has(number)) {
      this.#devices.add(number);
      this.#busiest.move(number, 0, this.#held.at(number));
    }
    this.#hold(number, 1);
    this.#nodes.set(end, number);
    this.#link(end);
  }

  #hold(number: number, by: 1 | -1): void {
    const held = this.#held.at(number);
    this.#held.set(number, held + by);
    if (this.#devices.has(number)) this.#busiest.move(number, held, held + by);
  }

  #take(id: NodeId): number {
    const number = this.#free.pop() ?? this.#ids.length;
    if (number === this.#ids.length)
      for (const column of [this.#held, this.#first, this.#last]) column.push(0);
    this.#ids[number] = id;
    this.#numbers.set(id, number);
    this.#first.set(number, NONE);
    this.#last.set(number, NONE);
    return number;
  }

  #release(number: number): void {
    this.#numbers.delete(this.idOf(number));
    this.#ids[number] = undefined;
    this.#devices.delete(number);
    this.#free.push(number);
  }

  /** Puts an end first in its node's list. */
  #link(end: number): void {
    const number = this.#nodes.at(end);
    const first = this.#first.at(number);
    this.#previous.set(end, NONE);
    this.#next.set(end, first);
    if (first === NONE) this.#last.set(number, end);
    else this.#previous.set(first, end);
    this.#first.set(number, end);
  }

  #unlink(end: number): void {
    const number = this.#nodes.at(end);
    const [previous, next] = [this.#previous.at(end), this.#next.at(end)];
    if (previous === NONE) this.#first.set(number, next);
    else this.#next.set(previous, next);
    if (next === NONE) this.#last.set(number, previous);
    else this.#previous.set(next, previous);
  }
}
