import type { Clock } from '../../clock.ts';
import type { NodeId } from '../../policy/block-set.ts';
import type { Counts } from '../observe/conntrack.ts';
import type { Blocked, Drop, Flow, Sighting } from './flow.ts';
import { FlowColumns } from './flow-columns.ts';
import { FlowEnds } from './flow-ends.ts';
import { FlowIndex } from './flow-index.ts';

export interface FlowTableOptions {
  clock: Clock;
  /** How often `sweep()` is called (FLOW_TIME), default 60 s. */
  flowTimeMs?: number;
  /** A flow idle for longer goes when both ends keep many flows (FLOW_MAX_IDLE1), default 10 minutes. */
  maxIdle1Ms?: number;
  /** "Many": more than this (NODE_KEEP_FLOWS), default 25. */
  nodeKeepFlows?: number;
  /** A flow idle for longer goes (FLOW_MAX_IDLE2), default 30 minutes. */
  maxIdle2Ms?: number;
  /** Default 100,000. When full, the device with the most flows gives one up for each new one. */
  maxFlows?: number;
}

/** Where someone who reads page by page has come to. */
export interface FlowCursor {
  /** So many slots were looked at. */
  readonly after: number;
  /** The running number of the flow that began last before the beginning. */
  readonly until: number;
}

/** Some of the flows. */
export interface FlowPage {
  readonly items: readonly Flow[];
  /** Where to go on; undefined when that was all. */
  readonly next: FlowCursor | undefined;
}

/** Work that is done at a time, about a millisecond of it: a slot that is aged is 1, a flow that goes as many as this. */
const SLICE = 16_384;
const GOES = 24;
const PORTS = 65_536;
/** What blocks drop is counted per pair, whatever the service. */
const ANY_SERVICE = 0;

/**
 * The flows of this router: they hang on both of their ends and are indexed by these and the service, so that a flow
 * between two devices is one flow. In typed columns, about 140 bytes a flow; what is read is made when it is read.
 *
 * Ageing (seed 000, "Flow statistics", proposal 1): an idle period counts, an active one halves the count. A flow idle for
 * more than `maxIdle1Ms` goes when *both* ends keep more than `nodeKeepFlows` flows: the seed says the end that keeps more
 * is asked, but then a popular remote would flush the flows of quiet devices (design page observe.md). A flow idle for
 * more than `maxIdle2Ms` goes in any case.
 */
export class FlowTable {
  readonly #options: Required<FlowTableOptions>;
  readonly #columns = new FlowColumns();
  readonly #ends = new FlowEnds();
  readonly #index: FlowIndex;
  /** By slot: few pairs are blocked. */
  readonly #blocked = new Map<number, Blocked>();
  readonly #free: number[] = [];
  #born = 0;
  #dropped = 0;

  constructor(options: FlowTableOptions) {
    this.#options = {
      flowTimeMs: 60_000,
      maxIdle1Ms: 10 * 60_000,
      nodeKeepFlows: 25,
      maxIdle2Ms: 30 * 60_000,
      maxFlows: 100_000,
      ...options,
    };
    this.#index = new FlowIndex(this.#ends, this.#columns);
  }

  get size(): number {
    return this.#columns.length - this.#free.length;
  }

  /** Flows given up because the table was full. */
  get dropped(): number {
    return this.#dropped;
  }

  get flowTimeMs(): number {
    return this.#options.flowTimeMs;
  }

  /** True while a flow has this node at one of its ends. */
  holds(id: NodeId): boolean {
    return this.#ends.numberOf(id) !== undefined;
  }

  /** How many flows have this node at one of their ends: its references from here. */
  heldBy(id: NodeId): number {
    return this.#ends.heldBy(id);
  }

  /** Every end of a flow, with how many flows have it. */
  references(): Generator<[id: NodeId, flows: number]> {
    return this.#ends.held();
  }

  /**
   * Every flow once, in no order. Flows may come and go meanwhile: each that is there throughout is listed exactly once,
   * none twice, and none that begins after the call.
   */
  flows(): Generator<Flow> {
    return this.#listed(this.#born);
  }

  /**
   * Some of the flows, in no order, and where to go on; as safe as `flows()`, however long somebody takes between two pages.
   * It looks at 8 × `most` slots at most, so a page may be short or empty and yet not the last.
   */
  page(cursor: FlowCursor | undefined, most: number): FlowPage {
    const { after, until } = cursor ?? { after: 0, until: this.#born };
    const items: Flow[] = [];
    let slot = after;
    // A flow stays in its slot; whatever takes the slot after it began later, and is left out by its number.
    for (; slot < this.#columns.length; slot++) {
      if (items.length === most || slot - after === most * 8) return { items, next: { after: slot, until } };
      if (this.#isThere(slot, until)) items.push(this.#read(slot));
    }
    return { items, next: undefined };
  }

  /** The flows that a node is an end of, whoever began them, the most recently active first. As safe as `flows()`. */
  flowsOf(id: NodeId): Generator<Flow> {
    return this.#still(this.#ends.slotsOf(id), this.#born);
  }

  /** Takes news in. */
  sees(news: Sighting): void {
    const { up, down, entries, device } = news;
    const active = entries > 0 || (up?.packets ?? 0) + (down?.packets ?? 0) > 0;
    const service = news.protocol * PORTS + news.port;
    let slot = this.#find(news, service);
    if (slot === -1) {
      // The end of a connection whose flow has gone is no reason for a new one.
      if (!active && entries < 0) return;
      slot = this.#add(news, service);
    }
    this.#columns.add(slot, news, this.#ends.idOf(this.#ends.device(slot)) !== device);
    if (active) this.#activate(slot);
  }

  /** Takes in what blocks have dropped. */
  seesDrop(news: Drop): void {
    let slot = this.#find(news, ANY_SERVICE);
    if (slot === -1) slot = this.#add(news, ANY_SERVICE);
    const before: Counts = this.#blocked.get(slot) ?? { packets: 0, bytes: 0 };
    const lastSeen = this.#activate(slot);
    this.#blocked.set(slot, {
      packets: before.packets + news.packets,
      bytes: before.bytes + news.bytes,
      lastSeen,
    });
  }

  /** One round of ageing; to be called every `flowTimeMs`. */
  sweep(): void {
    for (let from: number | undefined = 0; from !== undefined; ) from = this.sweepFrom(from);
  }

  /** A slice of a round, for who must not be held up: begins at 0, answers where the next begins, undefined at the end. */
  sweepFrom(from: number): number | undefined {
    const { flowTimeMs, maxIdle1Ms, maxIdle2Ms, nodeKeepFlows } = this.#options;
    let work = 0;
    for (let slot = from; slot < this.#columns.length; slot++) {
      if (work++ >= SLICE) return slot;
      if (this.#columns.born(slot) === 0) continue;
      const idleMs = this.#columns.age(slot) * flowTimeMs;
      if (idleMs <= maxIdle1Ms) continue;
      // Removed one by one: what each end keeps is then right for the next flow.
      if (idleMs <= maxIdle2Ms && this.#ends.leastHeld(slot) <= nodeKeepFlows) continue;
      this.#remove(slot);
      work += GOES;
    }
    return undefined;
  }

  #find({ device, other }: Sighting | Drop, service: number): number {
    const one = this.#ends.numberOf(device);
    const two = this.#ends.numberOf(other);
    return one === undefined || two === undefined ? -1 : this.#index.find(one, two, service);
  }

  #add({ device, other, otherIsDevice }: Sighting | Drop, service: number): number {
    if (this.size >= this.#options.maxFlows) this.#makeRoom();
    const slot = this.#free.pop() ?? this.#columns.length;
    this.#born += 1;
    this.#columns.begin(slot, service, otherIsDevice, this.#born, this.#options.clock.monotonic());
    this.#ends.attach(slot, device, other, otherIsDevice);
    this.#index.add(slot);
    return slot;
  }

  #activate(slot: number): number {
    const now = this.#options.clock.monotonic();
    this.#columns.activate(slot, now);
    this.#ends.touch(slot);
    return now;
  }

  #remove(slot: number): void {
    this.#index.remove(slot);
    this.#ends.detach(slot);
    this.#columns.end(slot);
    this.#blocked.delete(slot);
    this.#free.push(slot);
  }

  /** The most talkative device gives up the flow that was quiet for longest: quiet devices keep theirs. */
  #makeRoom(): void {
    const slot = this.#ends.quietestOfMost();
    if (slot === undefined) return;
    this.#remove(slot);
    this.#dropped += 1;
  }

  *#listed(last: number): Generator<Flow> {
    for (let slot = 0; slot < this.#columns.length; slot++) {
      if (this.#isThere(slot, last)) yield this.#read(slot);
    }
  }

  *#still(slots: readonly number[], last: number): Generator<Flow> {
    for (const slot of slots) if (this.#isThere(slot, last)) yield this.#read(slot);
  }

  /** True if the slot holds a flow that began no later than the one with this running number. */
  #isThere(slot: number, last: number): boolean {
    const born = this.#columns.born(slot);
    return born > 0 && born <= last;
  }

  #read(slot: number): Flow {
    const columns = this.#columns;
    const service = columns.service(slot);
    return {
      device: this.#ends.idOf(this.#ends.device(slot)),
      other: this.#ends.idOf(this.#ends.other(slot)),
      otherIsDevice: columns.otherIsDevice(slot),
      protocol: Math.floor(service / PORTS),
      port: service % PORTS,
      up: columns.up(slot),
      down: columns.down(slot),
      partial: columns.partial(slot),
      offloaded: columns.offloaded(slot),
      firstSeen: columns.firstSeen(slot),
      lastSeen: columns.lastSeen(slot),
      entries: columns.entries(slot),
      blocked: this.#blocked.get(slot),
    };
  }
}
