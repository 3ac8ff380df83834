import type { Mac, NodeId } from '../../policy/block-set.ts';
import type { Descriptor } from '../../policy/descriptor.ts';
import type { PresenceClaim, Stay, Totals } from '../../policy/presence.ts';
import { shareable } from './publisher.ts';

/** What staying is judged by; times are monotonic milliseconds. */
export interface StaysOptions {
  /** Every device that this router knows, its addresses on each segment in the order in which they were last seen. */
  readonly devices: () => Iterable<Descriptor>;
  /** When it was last seen since the agent started, and when something was last learnt from itself. */
  readonly lastSeen: (
    id: NodeId,
  ) => { readonly seen: number; readonly learnt: number | undefined } | undefined;
  /** Bytes that this router has counted for a device in all; undefined when it has counted none. */
  readonly totals: (id: NodeId) => Totals | undefined;
  /** When the device came to another router, the newest of several; undefined when it is with none. */
  readonly arrivedElsewhere: (mac: Mac) => number | undefined;
}

interface Life {
  /** Undefined while it is not here. */
  since: number | undefined;
  leftAt: number;
  /** It came back soon after it had left, and when. */
  returnedAt: number;
}

/**
 * A device stays for so long after it was last heard: a phone asleep answers now and then, and a longer time costs little,
 * because one that came to another router leaves at once.
 */
const STAY_MS = 30 * 60_000;
/**
 * The kernel calls a neighbour reachable for up to 45 s after its last word (arp(7), base_reachable_time; a random half to one
 * and a half of 30 s): where it is contested, only what is older counts of what the kernel says, milliseconds.
 */
const KERNEL_MEMORY_MS = 60_000;
/** Not heard here for so long after it came to another router: it has left. */
const LEAVE_MS = 5_000;
/** One that was back within so long may be with both, on a network that they share: it leaves after longer silence. */
const RETURN_MS = 10 * 60_000;
const LEAVE_RETURNED_MS = 2 * 60_000;
/** So much of a device is told. */
const MAX_ADDRESSES = 16;
const MAX_NAMES = 8;

/** Which devices are behind this router, and since when. */
export class Stays {
  readonly #options: StaysOptions;
  #lives = new Map<NodeId, Life>();

  constructor(options: StaysOptions) {
    this.#options = options;
  }

  /**
   * What to tell the others now: of the devices that are here, then of those of which something was counted here or that have
   * a name, so that a person finds them by it on every router, also after a restart.
   */
  claims(now: number): PresenceClaim[] {
    const { devices, totals } = this.#options;
    const lives = new Map<NodeId, Life>();
    const here: PresenceClaim[] = [];
    const known: PresenceClaim[] = [];
    for (const device of devices()) {
      const life = this.#lives.get(device.node) ?? {
        since: undefined,
        leftAt: -Infinity,
        returnedAt: -Infinity,
      };
      lives.set(device.node, life);
      const stay = this.#stay(device, life, now);
      const bytes = totals(device.node);
      if (stay === undefined && bytes === undefined && device.names.length === 0) continue;
      const about = toldOf(device, stay !== undefined);
      if (about !== undefined) (stay === undefined ? known : here).push({ about, stay, bytes });
    }
    this.#lives = lives;
    return [...here, ...known];
  }

  #stay(device: Descriptor, life: Life, now: number): Stay | undefined {
    const { lastSeen, arrivedElsewhere } = this.#options;
    const { seen, learnt = -Infinity } = lastSeen(device.node) ?? {};
    const [mac = ''] = device.macs;
    const heard = Math.max(learnt, (seen ?? -Infinity) - KERNEL_MEMORY_MS);
    const isHere =
      seen !== undefined &&
      now - seen < STAY_MS &&
      device.addresses.length > 0 &&
      !this.#isElsewhere(arrivedElsewhere(mac), heard, life, now);
    if (!isHere) {
      if (life.since !== undefined) life.leftAt = now;
      life.since = undefined;
      return undefined;
    }
    if (life.since === undefined) {
      // After a restart the kernel may remember one that has moved on: that is no arrival.
      life.since = heard;
      if (now - life.leftAt < RETURN_MS) life.returnedAt = now;
    }
    return { since: life.since, seen };
  }

  /** `heard`: when it was surely heard here last. */
  #isElsewhere(arrived: number | undefined, heard: number, life: Life, now: number): boolean {
    if (arrived === undefined || arrived <= heard) return false;
    const leave = now - life.returnedAt < RETURN_MS ? LEAVE_RETURNED_MS : LEAVE_MS;
    return life.since === undefined || now - arrived >= leave;
  }
}

/** The part of a device that the others are told; of one that is here also the addresses, those that were seen last. */
function toldOf(device: Descriptor, isHere: boolean): Descriptor | undefined {
  return shareable({
    ...device,
    macs: device.macs.slice(0, 1),
    addresses: isHere ? device.addresses.slice(-MAX_ADDRESSES) : [],
    domains: [],
    names: device.names.slice(0, MAX_NAMES),
  });
}
