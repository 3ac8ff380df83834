import { type Blocked, type Drop, type Flow, type Sighting, sum } from '../../src/local/flows/flow.ts';

export interface ModelFlow extends Flow {
  readonly idle: number;
  readonly active: boolean;
}

interface Ageing {
  readonly flowTimeMs: number;
  readonly maxIdle1Ms: number;
  readonly nodeKeepFlows: number;
  readonly maxIdle2Ms: number;
}

/** The flow table as one would write it down, without a cap: what the real one must hold. */
export class ModelTable {
  readonly #ageing: Ageing;
  readonly #flows = new Map<string, ModelFlow>();

  constructor(ageing: Ageing) {
    this.#ageing = ageing;
  }

  flows(): ModelFlow[] {
    return [...this.#flows.values()];
  }

  sees(news: Sighting, now: number): void {
    const active = news.entries > 0 || (news.up?.packets ?? 0) + (news.down?.packets ?? 0) > 0;
    if (!active && news.entries < 0 && !this.#flows.has(name(news, news.protocol, news.port))) return;
    const flow = this.#flow(news, news.protocol, news.port, now);
    const [up, down] = flow.device === news.device ? [news.up, news.down] : [news.down, news.up];
    this.#keep({
      ...flow,
      up: sum(flow.up, up),
      down: sum(flow.down, down),
      partial: flow.partial || (news.entries >= 0 && (up === undefined || down === undefined)),
      offloaded: flow.offloaded || news.offloaded,
      entries: Math.max(0, flow.entries + news.entries),
      active: flow.active || active,
      lastSeen: active ? now : flow.lastSeen,
    });
  }

  seesDrop(news: Drop, now: number): void {
    const flow = this.#flow(news, 0, 0, now);
    const before: Blocked = flow.blocked ?? { packets: 0, bytes: 0, lastSeen: 0 };
    const blocked = {
      packets: before.packets + news.packets,
      bytes: before.bytes + news.bytes,
      lastSeen: now,
    };
    this.#keep({ ...flow, blocked, active: true, lastSeen: now });
  }

  /**
   * One round of ageing, in which `stays` tells which of those that may go have stayed. Answers with what should not have
   * gone, or should have.
   */
  sweep(stays: (name: string) => boolean): string[] {
    const { flowTimeMs, maxIdle1Ms, maxIdle2Ms, nodeKeepFlows } = this.#ageing;
    const wrong: string[] = [];
    const left: string[] = [];
    for (const [key, flow] of this.#flows) {
      const idle = flow.active ? flow.idle >> 1 : flow.idle + 1;
      this.#flows.set(key, { ...flow, idle, active: false });
      const there = stays(key);
      if (idle * flowTimeMs <= maxIdle1Ms && !there) wrong.push(`${key} has gone early`);
      if (idle * flowTimeMs > maxIdle2Ms && there) wrong.push(`${key} has not gone`);
      if (!there) left.push(key);
    }
    // Those that are above the first limit only may leave their ends no fewer than what every node keeps.
    const early = left.filter((key) => (this.#flows.get(key)?.idle ?? 0) * flowTimeMs <= maxIdle2Ms);
    const gone = early.map((key) => this.#flows.get(key)).filter((flow) => flow !== undefined);
    for (const key of left) this.#flows.delete(key);
    for (const { device, other } of gone)
      for (const id of [device, other])
        if (this.#held(id) < nodeKeepFlows && !this.#lostOld(left, early))
          wrong.push(`${id} keeps too few flows`);
    // Of what stays above the first limit one end must keep no more than that.
    for (const [key, { idle, device, other }] of this.#flows)
      if (idle * flowTimeMs > maxIdle1Ms && Math.min(this.#held(device), this.#held(other)) > nodeKeepFlows)
        wrong.push(`${key} should have gone`);
    return wrong;
  }

  /** What goes by the second limit may be taken after what goes by the first, and leave fewer. */
  #lostOld(left: readonly string[], early: readonly string[]): boolean {
    return left.length > early.length;
  }

  #held(id: string): number {
    return this.flows().filter(({ device, other }) => device === id || other === id).length;
  }

  #flow(ends: Sighting | Drop, protocol: number, port: number, now: number): ModelFlow {
    const { device, other, otherIsDevice } = ends;
    return (
      this.#flows.get(name(ends, protocol, port)) ?? {
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
        blocked: undefined,
        idle: 0,
        active: false,
      }
    );
  }

  #keep(flow: ModelFlow): void {
    this.#flows.set(name(flow, flow.protocol, flow.port), flow);
  }
}

function name({ device, other }: { device: string; other: string }, protocol: number, port: number): string {
  return `${[device, other].sort().join(' ')} ${protocol} ${port}`;
}
