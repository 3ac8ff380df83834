import type { FlowView } from '../../control/views/flows.ts';
import type { NumberedNode } from '../../control/views/numbers.ts';
import type { PolicyBrief } from '../../control/views/policies-brief.ts';
import { NO_DEVICE, SpinFailure, UNKNOWN_LIST, UNKNOWN_NODE } from './failure.ts';
import type { SpinHome } from './home.ts';
import { addressesOf, entriesOf, Flags, LISTS, type ListName, pairsOf } from './lists.ts';
import { type NodeInfo, nodeInfoOf } from './node-info.ts';

/** A flow as SPIN tells of it: by service, or that all of it is blocked. */
export type FlowInfo = { readonly to: number; readonly dst_port: number; readonly icmp_type: number } & (
  | { readonly packets: number; readonly bytes: number; readonly lastseen: number }
  | { readonly blocked: 1 }
);

/** What SPIN's clients look at. @param nowMs wall time, Unix milliseconds */
export class SpinQueries {
  readonly #home: SpinHome;
  readonly #nowMs: () => number;

  constructor(home: SpinHome, nowMs: () => number) {
    this.#home = home;
    this.#nowMs = nowMs;
  }

  /** list_devices: by MAC, as SPIN's tree has them. */
  async devices(): Promise<NodeInfo[]> {
    const [devices, policies] = await Promise.all([this.#home.devices(), this.#home.policies()]);
    const flags = new Flags(policies);
    const byMac = [...devices].sort((x, y) => ((x.macs[0] ?? '') < (y.macs[0] ?? '') ? -1 : 1));
    return byMac.map((device) => nodeInfoOf(device, flags, this.#nowMs()));
  }

  async node(number: number): Promise<NodeInfo | SpinFailure> {
    const node = await this.#home.node(number);
    if (node === undefined) return new SpinFailure(UNKNOWN_NODE);
    return nodeInfoOf(node, new Flags(await this.#home.policies()), this.#nowMs());
  }

  /** get_flow_block: each pair once, the smaller number first. */
  async blockedPairs(): Promise<{ node1: number; node2: number }[]> {
    const pairs = await this.#numberedPairs(await this.#home.policies());
    return pairs.map(([node1, node2]) => ({ node1, node2 }));
  }

  /** list_device_flows: what is blocked stands there whether or not anything of it was seen. */
  async flows(mac: string): Promise<FlowInfo[] | SpinFailure> {
    const device = await this.#home.deviceWith(mac);
    if (device === undefined) return new SpinFailure(NO_DEVICE);
    const [flows, policies] = await Promise.all([this.#home.flows(device), this.#home.policies()]);
    const own = new Set(device.ids);
    const others = flows.map((flow) => (own.has(flow.device.id) ? flow.other.id : flow.device.id));
    const numbers = numbersById(await this.#home.nodes(others.filter(isNodeId)));
    const rows = new Map<string, FlowInfo>();
    for (const [at, flow] of flows.entries()) {
      const to = numbers.get(others[at] ?? '');
      if (to !== undefined && flow.protocol !== 'any') addRow(rows, to, flow, this.#nowMs());
    }
    const blocks = policies.filter(({ inForce }) => inForce);
    for (const [node1, node2] of await this.#numberedPairs(blocks)) {
      if (node1 !== device.alias && node2 !== device.alias) continue;
      const to = node1 === device.alias ? node2 : node1;
      rows.set(`${to} blocked`, { to, dst_port: 0, icmp_type: 0, blocked: 1 });
    }
    return [...rows.values()].sort(
      (x, y) => x.to - y.to || x.dst_port - y.dst_port || x.icmp_type - y.icmp_type,
    );
  }

  /** list_iplist */
  async list(name: string): Promise<string[] | SpinFailure> {
    const list = listNamed(name);
    if (list === undefined) return new SpinFailure(UNKNOWN_LIST);
    return this.#addresses(list, await this.#home.policies());
  }

  /** All three at once. */
  async lists(policies: readonly PolicyBrief[]): Promise<ReadonlyMap<ListName, readonly string[]>> {
    const lists = new Map<ListName, readonly string[]>();
    for (const list of LISTS) lists.set(list, await this.#addresses(list, policies));
    return lists;
  }

  async #addresses(list: ListName, policies: readonly PolicyBrief[]): Promise<string[]> {
    const entries = entriesOf(list, policies);
    return addressesOf(entries, await this.#home.nodes(entries.flatMap(({ node }) => node ?? [])));
  }

  async #numberedPairs(policies: readonly PolicyBrief[]): Promise<[number, number][]> {
    const pairs = pairsOf(policies);
    const numbers = numbersById(await this.#home.nodes(pairs.flatMap(({ a, b }) => [a, b])));
    const found = new Map<string, [number, number]>();
    for (const { a, b } of pairs) {
      const [x, y] = [numbers.get(a), numbers.get(b)];
      if (x === undefined || y === undefined || x === y) continue;
      const pair: [number, number] = x < y ? [x, y] : [y, x];
      found.set(pair.join(' '), pair);
    }
    return [...found.values()].sort((p, q) => p[0] - q[0] || p[1] - q[1]);
  }
}

/** One of SPIN's lists by its name. */
export function listNamed(name: string): ListName | undefined {
  return LISTS.find((list) => list === name);
}

/** Ends of flows may also be `internet`, a network and so on, which SPIN has no word for. */
export function isNodeId(end: string): boolean {
  return /^[0-9a-f]{32}$/.test(end);
}

/** The number of a node under each of its ids. */
export function numbersById(nodes: readonly NumberedNode[]): ReadonlyMap<string, number> {
  return new Map(nodes.flatMap(({ ids, alias }) => ids.map((id) => [id, alias] as const)));
}

/** SPIN's flows have no protocol: those of one port are one, whatever carries them. */
function addRow(rows: Map<string, FlowInfo>, to: number, flow: FlowView, nowMs: number): void {
  const icmp = flow.protocol === 'icmp' || flow.protocol === 'icmpv6';
  const [dst_port, icmp_type] = icmp ? [0, flow.port] : [flow.port, 0];
  const key = `${to} ${dst_port} ${icmp_type}`;
  const before = rows.get(key);
  const had = before !== undefined && 'packets' in before ? before : { packets: 0, bytes: 0, lastseen: 0 };
  rows.set(key, {
    to,
    dst_port,
    icmp_type,
    packets: had.packets + (flow.up?.packets ?? 0) + (flow.down?.packets ?? 0),
    bytes: had.bytes + (flow.up?.bytes ?? 0) + (flow.down?.bytes ?? 0),
    lastseen: Math.max(had.lastseen, Math.floor(nowMs / 1000) - flow.seenSecondsAgo),
  });
}
