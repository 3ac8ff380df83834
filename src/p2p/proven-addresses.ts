import type { Clock } from '../clock.ts';
import { canonicalAddress, familyOf } from '../policy/address.ts';
import type { Address } from '../policy/block-set.ts';
import type { PeerKey } from '../policy/crypto.ts';
import type { PeerView } from './peer-view.ts';

/** So long after its last connection an address still counts, milliseconds. By then somebody else may have it. */
const KEPT_MS = 24 * 3_600_000;

interface Proven {
  readonly address: Address;
  /** Monotonic milliseconds at which a connection was last seen there. */
  at: number;
}

/**
 * Where members are, as authenticated connections have proven: of each the newest address of either family, now and for a day
 * after. Whoever mends a router whose agent does not run logs in at this address, perhaps from a device that is blocked.
 */
export class ProvenAddresses {
  readonly #clock: Clock;
  readonly #proven = new Map<PeerKey, Map<4 | 6, Proven>>();

  constructor(clock: Clock) {
    this.#clock = clock;
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
    return before !== this.addresses().join();
  }

  addresses(): Address[] {
    const all = [...this.#proven.values()].flatMap((byFamily) => [...byFamily.values()]);
    return [...new Set(all.map(({ address }) => address))].sort();
  }

  #see({ peer, connections, address: where }: PeerView): void {
    const now = this.#clock.monotonic();
    const byFamily = this.#proven.get(peer) ?? new Map<4 | 6, Proven>();
    for (const [family, { at }] of byFamily) if (now - at > KEPT_MS) byFamily.delete(family);
    // Without a connection it may be where the member only says that it is.
    const [, , host = ''] = (connections > 0 ? where : undefined)?.split('/') ?? [];
    const address = canonicalAddress(host);
    if (address !== undefined) byFamily.set(familyOf(address), { address, at: now });
    if (byFamily.size > 0) this.#proven.set(peer, byFamily);
    else this.#proven.delete(peer);
  }
}
