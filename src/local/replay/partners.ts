import type { Address, NodeId } from '../../policy/block-set.ts';
import type { Sighting } from '../flows/flow.ts';
import type { Counts } from '../observe/conntrack.ts';

/** What went between a device and an address of another node by one service. */
export interface ServiceTotal {
  readonly protocol: number;
  readonly port: number;
  readonly up: Counts;
  readonly down: Counts;
  readonly connections: number;
}

/** An address that a device spoke with. */
export interface Partner {
  readonly address: Address;
  /** The node that it was when it was last spoken with. */
  readonly node: NodeId;
  readonly isDevice: boolean;
  /** The names that answered with the address when connections to it began. */
  readonly names: ReadonlySet<string>;
  readonly services: readonly ServiceTotal[];
}

interface Sum {
  packets: number;
  bytes: number;
}

interface Service {
  readonly protocol: number;
  readonly port: number;
  readonly up: Sum;
  readonly down: Sum;
  connections: number;
}

interface Kept {
  readonly address: Address;
  node: NodeId;
  readonly isDevice: boolean;
  readonly names: Set<string>;
  readonly services: Map<number, Service>;
}

/** More services of partners than this are summed up for each device as one that has no address. */
const MAX_SERVICES = 200_000;
const MAX_NAMES = 16;
/** Stands for the partners that were not kept apart. */
export const OTHERS = '';

/** Who spoke with whom in a capture, exactly: flows age, this does not. Bounded. */
export class Partners {
  readonly #byDevice = new Map<NodeId, Map<Address, Kept>>();
  readonly #namesOf: (address: Address) => readonly string[];
  #services = 0;
  /** News that was summed up with that of other partners. */
  folded = 0;

  constructor(namesOf: (address: Address) => readonly string[]) {
    this.#namesOf = namesOf;
  }

  sees(news: Sighting, far: Address): void {
    const { device, up, down, entries } = news;
    const service = this.#service(news, far);
    if (up !== undefined) add(service.up, up);
    if (down !== undefined) add(service.down, down);
    if (entries !== 1) return;
    service.connections += 1;
    const partner = this.#byDevice.get(device)?.get(far);
    const [name] = this.#namesOf(far);
    if (name !== undefined && partner !== undefined && partner.names.size < MAX_NAMES)
      partner.names.add(name);
  }

  of(device: NodeId): readonly Partner[] {
    return Array.from(this.#byDevice.get(device)?.values() ?? [], (kept) => ({
      ...kept,
      services: [...kept.services.values()],
    }));
  }

  #service(news: Sighting, far: Address): Service {
    const { device, protocol, port, other } = news;
    const partners = this.#byDevice.get(device) ?? new Map<Address, Kept>();
    if (partners.size === 0) this.#byDevice.set(device, partners);
    const key = protocol * 65_536 + port;
    const partner = partners.get(far);
    const known = partner?.services.get(key);
    if (partner !== undefined && known !== undefined) {
      partner.node = other;
      return known;
    }
    if (this.#services >= MAX_SERVICES && far !== OTHERS) {
      this.folded += 1;
      return this.#service({ ...news, other: OTHERS, otherIsDevice: false, protocol: 0, port: 0 }, OTHERS);
    }
    const service: Service = {
      protocol,
      port,
      up: { packets: 0, bytes: 0 },
      down: { packets: 0, bytes: 0 },
      connections: 0,
    };
    this.#services += 1;
    const kept: Kept = partner ?? {
      address: far,
      node: other,
      isDevice: news.otherIsDevice,
      names: new Set(),
      services: new Map(),
    };
    kept.services.set(key, service);
    partners.set(far, kept);
    return service;
  }
}

function add(sum: Sum, more: Counts): void {
  sum.packets += more.packets;
  sum.bytes += more.bytes;
}
