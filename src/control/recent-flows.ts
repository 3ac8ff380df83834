import { type Drop, isWhole, type Sighting, sum } from '../local/flows/flow.ts';
import type { AnswerFact } from '../local/observe/facts.ts';
import type { NodeId } from '../policy/block-set.ts';
import type { Asked, Dropped, Moved } from './recent.ts';

/** So much is gathered between two looks; what is beyond is counted. */
const MAX_MOVED = 5_000;
const MAX_DROPPED = 1_000;
const MAX_ASKED = 1_000;

/** What the gathering asks of the nodes. */
export interface RecentNodes {
  /** All ids that are the same node, itself among them. */
  classOf(id: NodeId): readonly NodeId[];
  /** Whether it is known as a device. */
  isDevice(id: NodeId): boolean;
  /** The device that has the address. */
  deviceAt(address: string): NodeId | undefined;
  /** The node that a name stands for. */
  remoteOf(domain: string): NodeId | undefined;
  /** The nodes whose flows somebody chose to ignore. */
  ignored(): ReadonlySet<NodeId>;
}

/** What flowed, was dropped and was asked since the last look, bounded. */
export class RecentFlows {
  readonly #nodes: RecentNodes;
  #moved = new Map<string, Moved>();
  #dropped = new Map<string, Dropped>();
  #asked = new Map<string, Asked>();
  #missed = 0;

  constructor(nodes: RecentNodes) {
    this.#nodes = nodes;
  }

  sees({ device, other, otherIsDevice, protocol, port, up, down, entries }: Sighting): void {
    const more = { up, down, began: Math.max(0, entries), ignored: false };
    if (more.began === 0 && (up?.packets ?? 0) + (down?.packets ?? 0) === 0) return;
    this.#missed += addMoved(
      this.#moved,
      { device, other, otherIsDevice, protocol, port, ...more },
      MAX_MOVED,
    );
  }

  drops({ device, other, packets, bytes }: Drop): void {
    this.#missed += addDropped(this.#dropped, { device, other, packets, bytes }, MAX_DROPPED);
  }

  answered({ client, domain }: AnswerFact): void {
    if (client === undefined) return;
    const device = this.#nodes.deviceAt(client);
    if (device === undefined) return;
    const key = `${device} ${domain}`;
    if (!this.#asked.has(key) && this.#asked.size >= MAX_ASKED) this.#missed += 1;
    else this.#asked.set(key, { device, domain, node: this.#nodes.remoteOf(domain) });
  }

  clear(): void {
    this.#moved.clear();
    this.#dropped.clear();
    this.#asked.clear();
    this.#missed = 0;
  }

  /** All of it, by the ids of the classes, and begins anew. */
  take(): { moved: Moved[]; dropped: Dropped[]; asked: Asked[]; missed: number } {
    const ids = new Map<NodeId, NodeId>();
    const idOf = (id: NodeId): NodeId => {
      const known = ids.get(id) ?? this.#shownAs(id);
      ids.set(id, known);
      return known;
    };
    const ignored = this.#nodes.ignored();
    const moved = new Map<string, Moved>();
    for (const one of this.#moved.values()) {
      const isIgnored = ignored.has(one.device) || ignored.has(one.other);
      addMoved(moved, { ...one, device: idOf(one.device), other: idOf(one.other), ignored: isIgnored });
    }
    const dropped = new Map<string, Dropped>();
    for (const one of this.#dropped.values())
      addDropped(dropped, { ...one, device: idOf(one.device), other: idOf(one.other) });
    const asked = Array.from(this.#asked.values(), ({ device, domain, node }) => ({
      device: idOf(device),
      domain,
      node: node === undefined ? undefined : idOf(node),
    }));
    const missed = this.#missed;
    this.clear();
    return { moved: [...moved.values()], dropped: [...dropped.values()], asked, missed };
  }

  /** The id under which views show a node: the least of a device of its class, or else the least. */
  #shownAs(id: NodeId): NodeId {
    if (isWhole(id)) return id;
    const ids = this.#nodes.classOf(id);
    if (ids.length < 2) return id;
    const devices = ids.filter((each) => this.#nodes.isDevice(each));
    return [...(devices.length > 0 ? devices : ids)].sort()[0] ?? id;
  }
}

/** Two devices have one flow for each service, whoever of them began it. Answers 1 when there was no room. */
function addMoved(all: Map<string, Moved>, one: Moved, most = Number.POSITIVE_INFINITY): 0 | 1 {
  const key = (x: string, y: string) => `${x} ${y} ${one.protocol} ${one.port}`;
  const turned = key(one.other, one.device);
  const [held, more] = all.has(turned)
    ? [turned, { ...one, up: one.down, down: one.up }]
    : [key(one.device, one.other), one];
  const before = all.get(held);
  if (before === undefined) {
    if (all.size >= most) return 1;
    all.set(held, more);
    return 0;
  }
  all.set(held, {
    ...before,
    otherIsDevice: before.otherIsDevice || more.otherIsDevice,
    up: sum(before.up, more.up),
    down: sum(before.down, more.down),
    began: before.began + more.began,
    ignored: before.ignored || more.ignored,
  });
  return 0;
}

function addDropped(all: Map<string, Dropped>, one: Dropped, most = Number.POSITIVE_INFINITY): 0 | 1 {
  const key = `${one.device} ${one.other}`;
  const before = all.get(key);
  if (before === undefined && all.size >= most) return 1;
  const { packets, bytes } = before ?? { packets: 0, bytes: 0 };
  all.set(key, { ...one, packets: one.packets + packets, bytes: one.bytes + bytes });
  return 0;
}
