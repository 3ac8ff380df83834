import type { Clock } from '../clock.ts';
import { canonicalAddress, familyOf } from '../policy/address.ts';
import type { Address } from '../policy/block-set.ts';
import type { PeerKey } from '../policy/crypto.ts';
import type { PeerView } from './peer-view.ts';

/** So long after its last connection an address still counts, milliseconds. By then somebody else may have it. */
const KEPT_MS = 24 * 3_600_000;
/** Ages are written down in minutes, every ten of them: what stays connected is written once. */
const MINUTE_MS = 60_000;
const WRITTEN_MS = 600_000;
/** A start counts as so much, or an agent that dies within ten minutes and starts again would never forget. */
const START_MS = MINUTE_MS;
/** More members are not kept over a restart. */
const MAX_PEERS = 1_000;

export interface ProvenOptions {
  readonly clock: Clock;
  /** What an earlier run saved; '' when there is nothing. */
  readonly load: () => string;
  readonly save: (text: string) => void;
}

interface Proven {
  readonly address: Address;
  /** Monotonic milliseconds at which a connection was last seen there; before the start of this run below that. */
  at: number;
}

type ByFamily = Map<4 | 6, Proven>;

/**
 * Where members are, as authenticated connections have proven: of each the newest address of either family, now and for a day
 * after. Whoever mends a router whose agent does not run logs in at this address, perhaps from a device that is blocked.
 * Kept over restarts: when all start at once under a wide block, nobody is connected yet. The day is one in which this
 * agent runs, by the monotonic clock: no wrong wall clock keeps an address for ever, or drops it at once.
 */
export class ProvenAddresses {
  readonly #options: ProvenOptions;
  readonly #proven: Map<PeerKey, ByFamily>;
  /** What was saved in this run, ages in steps of ten minutes. */
  #saved: string | undefined;

  constructor(options: ProvenOptions) {
    this.#options = options;
    this.#proven = read(options.load(), options.clock.monotonic() - START_MS);
  }

  /** Takes in all members as they are now: who is not among them any more is forgotten. True when an address came or went. */
  look(peers: Iterable<PeerView>): boolean {
    const before = this.addresses().join();
    const gone = new Set(this.#proven.keys());
    for (const view of peers) {
      if (view.state === 'left') continue;
      gone.delete(view.peer);
      this.#see(view);
    }
    for (const peer of gone) this.#proven.delete(peer);
    this.#save();
    return before !== this.addresses().join();
  }

  addresses(): Address[] {
    const all = [...this.#proven.values()].flatMap((byFamily) => [...byFamily.values()]);
    return [...new Set(all.map(({ address }) => address))].sort();
  }

  #see({ peer, connections, address: where }: PeerView): void {
    const now = this.#options.clock.monotonic();
    const byFamily: ByFamily = this.#proven.get(peer) ?? new Map();
    for (const [family, { at }] of byFamily) if (now - at > KEPT_MS) byFamily.delete(family);
    // Without a connection it may be where the member only says that it is.
    const [, , host = ''] = (connections > 0 ? where : undefined)?.split('/') ?? [];
    const address = canonicalAddress(host);
    if (address !== undefined) byFamily.set(familyOf(address), { address, at: now });
    if (byFamily.size > 0) this.#proven.set(peer, byFamily);
    else this.#proven.delete(peer);
  }

  /** Saves, if it differs from what was saved: `[[peer, [[address, age], …]], …]`. The first time it does: a start counts. */
  #save(): void {
    const steps = this.#written(WRITTEN_MS);
    if (steps === this.#saved) return;
    this.#saved = steps;
    this.#options.save(this.#written(MINUTE_MS));
  }

  /** All of it, ages in this unit. */
  #written(unit: number): string {
    const now = this.#options.clock.monotonic();
    return JSON.stringify(
      [...this.#proven]
        .slice(0, MAX_PEERS)
        .map(([peer, byFamily]) => [
          peer,
          [...byFamily.values()].map(({ address, at }) => [address, Math.floor((now - at) / unit)]),
        ]),
    );
  }
}

/** What was saved, aged from `now` on, as far as it can be read. Never throws. */
function read(text: string, now: number): Map<PeerKey, ByFamily> {
  const proven = new Map<PeerKey, ByFamily>();
  for (const [peer, aged] of pairsIn(fromJson(text), MAX_PEERS)) {
    if (typeof peer !== 'string' || !/^[0-9a-f]{64}$/.test(peer)) continue;
    const byFamily: ByFamily = new Map();
    for (const [host, minutes] of pairsIn(aged, 2)) {
      const address = typeof host === 'string' ? canonicalAddress(host) : undefined;
      if (address === undefined || typeof minutes !== 'number' || !(minutes >= 0)) continue;
      const ageMs = minutes * MINUTE_MS;
      if (ageMs <= KEPT_MS) byFamily.set(familyOf(address), { address, at: now - ageMs });
    }
    if (byFamily.size > 0) proven.set(peer, byFamily);
  }
  return proven;
}

function pairsIn(value: unknown, most: number): (readonly unknown[])[] {
  return Array.isArray(value) ? (value as unknown[]).slice(0, most).filter((one) => Array.isArray(one)) : [];
}

function fromJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
