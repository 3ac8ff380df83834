import type { Clock } from '../../clock.ts';
import type { NodeId } from '../../policy/block-set.ts';
import type { Counts } from '../observe/conntrack.ts';
import type { Flow, Sighting } from './flow.ts';

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
  /** Default 100,000. When full, the device with the most flows gives some up. */
  maxFlows?: number;
}

interface Kept {
  device: NodeId;
  other: NodeId;
  otherIsDevice: boolean;
  protocol: number;
  port: number;
  up: Counts | undefined;
  down: Counts | undefined;
  partial: boolean;
  offloaded: boolean;
  firstSeen: number;
  lastSeen: number;
  entries: number;
  idle: number;
  active: boolean;
}

/** Other node → protocol and port → flow. */
type Side = Map<NodeId, Map<number, Kept>>;

/**
 * The flows of this router: they hang on the device and are indexed by the other node and service. A flow between two
 * devices is one flow that hangs on both. Ageing: an idle sweep counts, an active one halves the count.
 */
export class FlowTable {
  readonly #options: Required<FlowTableOptions>;
  readonly #sides = new Map<NodeId, Side>();
  /** How many flows each node is an end of. */
  readonly #held = new Map<NodeId, number>();
  #size = 0;
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
  }

  get size(): number {
    return this.#size;
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
    return this.#held.has(id);
  }

  /** Every flow once. A flow is a snapshot only until the next news of it: do not keep it. */
  flows(): Generator<Flow> {
    return this.#all();
  }

  /** The flows that hang on a device, also those that another device began. */
  *flowsOf(device: NodeId): Generator<Flow> {
    for (const services of this.#sides.get(device)?.values() ?? []) yield* services.values();
  }

  /** Takes news in. */
  sees(news: Sighting): void {
    const now = this.#options.clock.monotonic();
    const flow = this.#find(news) ?? this.#add(news, now);
    const turned = flow.device !== news.device;
    const [up, down] = turned ? [news.down, news.up] : [news.up, news.down];
    const moved = (up?.packets ?? 0) + (down?.packets ?? 0) > 0;
    if (moved || news.entries > 0) {
      flow.active = true;
      flow.lastSeen = now;
    }
    flow.entries = Math.max(0, flow.entries + news.entries);
    flow.partial ||= news.entries >= 0 && (up === undefined || down === undefined);
    flow.offloaded ||= news.offloaded;
    flow.up = sum(flow.up, up);
    flow.down = sum(flow.down, down);
  }

  /** One round of ageing; to be called every `flowTimeMs`. */
  sweep(): void {
    const { flowTimeMs, maxIdle1Ms, maxIdle2Ms, nodeKeepFlows } = this.#options;
    for (const flow of this.#all()) {
      if (flow.active) flow.idle >>= 1;
      else flow.idle += 1;
      flow.active = false;
      const idleMs = flow.idle * flowTimeMs;
      // Removed one by one: what each end keeps is then right for the next flow.
      if (idleMs > maxIdle2Ms || (idleMs > maxIdle1Ms && this.#least(flow) > nodeKeepFlows))
        this.#remove(flow);
    }
  }

  #find({ device, other, protocol, port }: Sighting): Kept | undefined {
    const key = protocol * 65_536 + port;
    // A flow between two devices hangs on both sides, so whichever end the news names first finds it.
    return this.#sides.get(device)?.get(other)?.get(key);
  }

  #add(news: Sighting, now: number): Kept {
    if (this.#size >= this.#options.maxFlows) this.#makeRoom();
    const { device, other, otherIsDevice, protocol, port } = news;
    const flow: Kept = {
      device,
      other,
      otherIsDevice,
      protocol,
      port,
      up: undefined,
      down: undefined,
      partial: false,
      offloaded: false,
      firstSeen: now,
      lastSeen: now,
      entries: 0,
      idle: 0,
      active: true,
    };
    this.#hang(device, other, flow);
    if (otherIsDevice) this.#hang(other, device, flow);
    this.#hold(device, 1);
    this.#hold(other, 1);
    this.#size += 1;
    return flow;
  }

  #hang(on: NodeId, other: NodeId, flow: Kept): void {
    const side: Side = this.#sides.get(on) ?? new Map();
    const services = side.get(other) ?? new Map<number, Kept>();
    services.set(flow.protocol * 65_536 + flow.port, flow);
    side.set(other, services);
    this.#sides.set(on, side);
  }

  #unhang(on: NodeId, other: NodeId, flow: Kept): void {
    const side = this.#sides.get(on);
    const services = side?.get(other);
    services?.delete(flow.protocol * 65_536 + flow.port);
    if (services?.size === 0) side?.delete(other);
    if (side?.size === 0) this.#sides.delete(on);
  }

  #remove(flow: Kept): void {
    this.#unhang(flow.device, flow.other, flow);
    if (flow.otherIsDevice) this.#unhang(flow.other, flow.device, flow);
    this.#hold(flow.device, -1);
    this.#hold(flow.other, -1);
    this.#size -= 1;
  }

  #hold(id: NodeId, by: 1 | -1): void {
    const count = (this.#held.get(id) ?? 0) + by;
    if (count > 0) this.#held.set(id, count);
    else this.#held.delete(id);
  }

  #least(flow: Kept): number {
    return Math.min(this.#held.get(flow.device) ?? 0, this.#held.get(flow.other) ?? 0);
  }

  *#all(): Generator<Kept> {
    for (const [device, side] of this.#sides) {
      for (const services of side.values()) {
        for (const flow of services.values()) if (flow.device === device) yield flow;
      }
    }
  }

  /** The most talkative device gives up the tenth of its flows that was quiet for longest: quiet devices keep theirs. */
  #makeRoom(): void {
    let most: NodeId | undefined;
    let count = 0;
    for (const device of this.#sides.keys()) {
      const held = this.#held.get(device) ?? 0;
      if (held > count) [most, count] = [device, held];
    }
    if (most === undefined) return;
    const flows: Kept[] = [];
    for (const services of this.#sides.get(most)?.values() ?? []) flows.push(...services.values());
    flows.sort((a, b) => a.lastSeen - b.lastSeen);
    for (const flow of flows.slice(0, Math.max(1, Math.floor(flows.length / 10)))) {
      this.#remove(flow);
      this.#dropped += 1;
    }
  }
}

function sum(total: Counts | undefined, more: Counts | undefined): Counts | undefined {
  if (more === undefined) return total;
  if (total === undefined) return more;
  if (more.packets === 0 && more.bytes === 0) return total;
  return { packets: total.packets + more.packets, bytes: total.bytes + more.bytes };
}
