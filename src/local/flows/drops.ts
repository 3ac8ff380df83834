import type { Address, NodeId } from '../../policy/block-set.ts';
import type { Counter } from '../enforce/backend.ts';
import type { Counts } from '../observe/conntrack.ts';
import type { Places } from './ends.ts';
import { type Drop, isWhole } from './flow.ts';

/** More counters than this, or pairs, are not followed: only what has dropped something has one. */
const MAX_COUNTERS = 20_000;
const MAX_TOTALS = 4_096;
const NOTHING: Counts = { packets: 0, bytes: 0 };

/** What blocks have dropped of a pair since the agent began. Monotonic milliseconds, as exact as the readings are frequent. */
export interface DropTotal extends Drop {
  readonly firstSeen: number;
  readonly lastSeen: number;
}

/**
 * Turns readings of the kernel's drop counters into news about pairs. A counter that is smaller than it was has begun anew;
 * one that was not in the last reading has begun since. What the first reading finds was dropped before, perhaps in
 * an earlier life of the agent: it is where counting starts. So nothing is counted twice; what a counter lost when it began
 * anew between two readings is not counted at all.
 */
export class Drops {
  readonly #places: Pick<Places, 'isLan' | 'deviceAt' | 'remoteAt'>;
  readonly #onCounted: (added: Counter) => void;
  /** Undefined before the first reading. */
  #last: ReadonlyMap<string, Counts> | undefined;
  /** The last reading had more counters than could be followed: one that is new was perhaps among those. */
  #cut = false;
  /** The pair that dropped last is the last. */
  readonly #totals = new Map<string, DropTotal>();
  /**
   * `packets` and `bytes`: all that was dropped since the start. `unknown` and `beyond`: counters of the newest reading whose
   * address is nobody's yet, or that are too many.
   */
  readonly counters = { readings: 0, packets: 0, bytes: 0, unknown: 0, beyond: 0, forgotten: 0 };

  /** @param onCounted is told what was added to each counter, when it is known whose the address is */
  constructor(
    places: Pick<Places, 'isLan' | 'deviceAt' | 'remoteAt'>,
    onCounted: (added: Counter) => void = () => undefined,
  ) {
    this.#places = places;
    this.#onCounted = onCounted;
  }

  /** Takes a whole reading in, and answers what was added for each pair since the last one. */
  take(reading: readonly Counter[], now: number): Drop[] {
    const before = this.#last;
    const readings = this.counters.readings + 1;
    Object.assign(this.counters, {
      readings,
      unknown: 0,
      beyond: Math.max(0, reading.length - MAX_COUNTERS),
    });
    const last = new Map<string, Counts>();
    const added = new Map<string, Drop>();
    for (const counter of reading.slice(0, MAX_COUNTERS)) {
      const { owner = 'home', remote, packets, bytes } = counter;
      const key = `${owner} ${remote}`;
      const known = before?.get(key) ?? (before === undefined || this.#cut ? counter : NOTHING);
      const more = since(known, counter);
      const other = more.packets > 0 ? this.#other(remote) : undefined;
      if (other !== undefined) {
        add(added, { device: owner, ...other, ...more });
        this.#onCounted({ ...counter, ...more });
      } else if (more.packets > 0) this.counters.unknown += 1;
      // What nobody could be told of is told once it is known whose the address is.
      const waits = more.packets > 0 && other === undefined ? more : NOTHING;
      last.set(key, { packets: packets - waits.packets, bytes: bytes - waits.bytes });
    }
    this.#last = last;
    this.#cut = this.counters.beyond > 0;
    const news = [...added.values()];
    for (const drop of news) this.#sum(drop, now);
    return news;
  }

  /** What was dropped of each pair; of many the latest. */
  totals(): Iterable<DropTotal> {
    return this.#totals.values();
  }

  /** The node at a blocked address, found as for flows; undefined when it is in the LAN and not known yet. */
  #other(remote: Counter['remote']): Pick<Drop, 'other' | 'otherIsDevice'> | undefined {
    if (isWhole(remote)) return { other: remote, otherIsDevice: false };
    const device = this.#places.deviceAt(remote);
    if (device !== undefined) return { other: device, otherIsDevice: true };
    const other = this.#remote(remote);
    return other === undefined ? undefined : { other, otherIsDevice: false };
  }

  #remote(address: Address): NodeId | undefined {
    return this.#places.isLan(address) ? undefined : this.#places.remoteAt(address);
  }

  #sum(drop: Drop, now: number): void {
    this.counters.packets += drop.packets;
    this.counters.bytes += drop.bytes;
    const key = pair(drop);
    const before = this.#totals.get(key);
    this.#totals.delete(key);
    this.#totals.set(key, {
      ...drop,
      packets: (before?.packets ?? 0) + drop.packets,
      bytes: (before?.bytes ?? 0) + drop.bytes,
      firstSeen: before?.firstSeen ?? now,
      lastSeen: now,
    });
    const [oldest] = this.#totals.keys();
    if (this.#totals.size <= MAX_TOTALS || oldest === undefined) return;
    this.#totals.delete(oldest);
    this.counters.forgotten += 1;
  }
}

function pair({ device, other }: Drop): string {
  return `${device} ${other}`;
}

/** Several addresses of a node are one pair. */
function add(drops: Map<string, Drop>, drop: Drop): void {
  const { packets, bytes } = drops.get(pair(drop)) ?? NOTHING;
  drops.set(pair(drop), { ...drop, packets: packets + drop.packets, bytes: bytes + drop.bytes });
}

/** What was added; all of it when the counter has begun anew. */
function since(before: Counts, now: Counts): Counts {
  if (now.packets < before.packets || now.bytes < before.bytes) return now;
  return { packets: now.packets - before.packets, bytes: now.bytes - before.bytes };
}
