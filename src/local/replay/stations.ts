import { isPrivate, isSpecial } from '../../policy/address.ts';
import type { Address, Mac } from '../../policy/block-set.ts';

/** More MACs than this in one capture are not told apart from devices. */
const MAX_STATIONS = 8_192;
/** Of addresses of one kind so many are kept: a router has passed on many more than are needed to know it. */
const MAX_ADDRESSES = 64;

/** Pairs of addresses that are not looked at again. */
const MAX_PAIRS = 65_536;

/** What was heard of a MAC that may be a device or a router. */
export interface Station {
  readonly mac: Mac;
  /** Addresses that it says are its own: ARP, neighbour discovery, DHCP. */
  readonly claims: Set<Address>;
  /** Where its packets came from, and what was sent to it. */
  readonly sources: Set<Address>;
  readonly targets: Set<Address>;
  /** Stations with private addresses for which it carried a packet from or to a public one. */
  readonly carriedFor: Set<Mac>;
  /** It advertises itself as a router (RFC 4861), or serves DHCP. */
  advertises: boolean;
  servesDhcp: boolean;
  /** It is an interface of the machine that captured. */
  captures: boolean;
}

/** The stations of a capture. Pure; bounded. */
export class Stations {
  readonly #all = new Map<Mac, Station>();
  /** Between whom the last packets went: source address → destination address → source MAC. */
  readonly #pairs = new Map<Address, Map<Address, Mac | undefined>>();
  #pairCount = 0;
  /** Grows with everything new. */
  version = 0;
  /** MACs that were not taken in. */
  dropped = 0;

  get size(): number {
    return this.#all.size;
  }

  all(): IterableIterator<Station> {
    return this.#all.values();
  }

  /** A frame of this MAC was heard. */
  heard(mac: Mac): Station | undefined {
    const known = this.#all.get(mac);
    if (known !== undefined) return known;
    if (this.#all.size >= MAX_STATIONS) {
      this.dropped += 1;
      return undefined;
    }
    const station: Station = {
      mac,
      claims: new Set(),
      sources: new Set(),
      targets: new Set(),
      carriedFor: new Set(),
      advertises: false,
      servesDhcp: false,
      captures: false,
    };
    this.#all.set(mac, station);
    this.version += 1;
    return station;
  }

  claimed(mac: Mac, address: Address): void {
    if (!isSpecial(address)) this.#add(this.heard(mac)?.claims, address);
  }

  advertised(mac: Mac): void {
    this.#tell(mac, 'advertises');
  }

  servedDhcp(mac: Mac): void {
    this.#tell(mac, 'servesDhcp');
  }

  captured(mac: Mac): void {
    this.#tell(mac, 'captures');
  }

  /** A packet went from one station to another; a MAC is undefined where the frame does not tell, or was for a group. */
  carried(source: Mac | undefined, target: Mac | undefined, src: Address, dst: Address): void {
    if (!this.#isNewPair(source, src, dst)) return;
    const sender = source === undefined ? undefined : this.heard(source);
    const receiver = target === undefined ? undefined : this.heard(target);
    if (!isSpecial(src)) this.#add(sender?.sources, src);
    if (isSpecial(dst)) return;
    this.#add(receiver?.targets, dst);
    if (isSpecial(src)) return;
    const [fromHome, toHome] = [isHomeAddress(src), isHomeAddress(dst)];
    if (fromHome && !toHome && source !== undefined) this.#add(receiver?.carriedFor, source);
    if (toHome && !fromHome && target !== undefined) this.#add(sender?.carriedFor, target);
  }

  /** Most packets are like one before, which has told all that this one could. */
  #isNewPair(source: Mac | undefined, src: Address, dst: Address): boolean {
    const known = this.#pairs.get(src);
    if (known?.has(dst) === true && known.get(dst) === source) return false;
    if (this.#pairCount >= MAX_PAIRS) {
      this.#pairs.clear();
      this.#pairCount = 0;
    }
    this.#pairs.set(src, (this.#pairs.get(src) ?? new Map()).set(dst, source));
    this.#pairCount += 1;
    return true;
  }

  #tell(mac: Mac, what: 'advertises' | 'servesDhcp' | 'captures'): void {
    const station = this.heard(mac);
    if (station === undefined || station[what]) return;
    station[what] = true;
    this.version += 1;
  }

  #add(set: Set<string> | undefined, value: string): void {
    if (set === undefined || set.size >= MAX_ADDRESSES || set.has(value)) return;
    set.add(value);
    this.version += 1;
  }
}

/** Only IPv4 tells by its address whether it is used inside homes; unique local addresses of IPv6 (RFC 4193) do too. */
export function isHomeAddress(address: Address): boolean {
  return isPrivate(address) || /^f[cd]/.test(address);
}
