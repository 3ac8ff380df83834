import { isSpecial } from '../../policy/address.ts';
import type { Address, Mac } from '../../policy/block-set.ts';

/** When a MAC was on the segment, Unix milliseconds of the capture. */
export interface Presence {
  readonly mac: Mac;
  readonly first: number;
  readonly last: number;
  /** Frames that it sent. */
  readonly frames: number;
  /** Addresses that mean something on this segment only, which no policy can be about. */
  readonly linkLocal: ReadonlySet<Address>;
}

interface Kept {
  readonly mac: Mac;
  readonly first: number;
  last: number;
  frames: number;
  readonly linkLocal: Set<Address>;
}

const MAX_PRESENCES = 8_192;
const MAX_LINK_LOCAL = 16;
const NOBODY: ReadonlySet<Address> = new Set(['0.0.0.0', '::']);

/** Which MACs were on the segment, from when to when. Bounded. */
export class Presences {
  readonly #all = new Map<Mac, Kept>();
  /** Frames of MACs for which there was no room. */
  dropped = 0;

  all(): readonly Presence[] {
    return [...this.#all.values()];
  }

  seen(mac: Mac, at: number): void {
    const kept = this.#of(mac, at);
    if (kept === undefined) return;
    kept.frames += 1;
    kept.last = at;
  }

  /** True until its second frame. */
  isNew(mac: Mac): boolean {
    return (this.#all.get(mac)?.frames ?? 0) < 2;
  }

  spoke(mac: Mac, address: Address, at: number): void {
    const kept = this.#of(mac, at);
    if (kept === undefined || !isSpecial(address) || NOBODY.has(address)) return;
    if (kept.linkLocal.size < MAX_LINK_LOCAL) kept.linkLocal.add(address);
  }

  #of(mac: Mac, at: number): Kept | undefined {
    const known = this.#all.get(mac);
    if (known !== undefined) return known;
    if (this.#all.size >= MAX_PRESENCES) {
      this.dropped += 1;
      return undefined;
    }
    const kept: Kept = { mac, first: at, last: at, frames: 0, linkLocal: new Set() };
    this.#all.set(mac, kept);
    return kept;
  }
}
