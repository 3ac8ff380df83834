import type { Address, BlockSet, Mac, Owner } from '../../policy/block-set.ts';
import type { Counter } from './backend.ts';
import { indexOf, type PrefixIndex } from './prefix-index.ts';

/** For whom a packet is dropped (undefined: for everyone), and what it met. */
export type Drop = Pick<Counter, 'owner' | 'remote'>;

/** An owner with its networks ready to be asked. */
interface Asked {
  readonly owner: Owner;
  readonly networks: PrefixIndex;
  readonly exceptedNetworks: PrefixIndex;
}

/** The readable definition of what a block set drops (design page policy.md, "Subjects and precedence"). */
export class Judge {
  readonly #blockSet: BlockSet;
  readonly #guard: PrefixIndex;
  readonly #home: PrefixIndex;
  readonly #byAddress = new Map<Address, Asked[]>();
  readonly #byMac = new Map<Mac, Asked[]>();
  readonly #own: Asked | undefined;

  constructor(blockSet: BlockSet) {
    this.#blockSet = blockSet;
    this.#guard = indexOf(blockSet.guard);
    this.#home = indexOf(blockSet.home);
    if (blockSet.own !== undefined) this.#own = askable(blockSet.own);
    for (const owner of blockSet.owners.values()) {
      const asked = askable(owner);
      for (const address of owner.addresses) push(this.#byAddress, address, asked);
      for (const mac of owner.macs) push(this.#byMac, mac, asked);
    }
  }

  /**
   * A forwarded packet, with its source's hardware address if the sender is on a LAN of this router. Both ends may be
   * devices: each is asked about the other.
   */
  dropOf(source: Address, destination: Address, mac?: Mac): Drop | undefined {
    return this.blocked(source, destination, mac) ?? this.blocked(destination, source);
  }

  /** Whether `far` is blocked for the device at `near`, whichever of them sends. */
  blocked(near: Address, far: Address, mac?: Mac): Drop | undefined {
    if (this.#guard.holds(far)) return undefined;
    const { everyone, known } = this.#blockSet;
    const owners = this.#byAddress.get(near);
    // Nobody's address in the home: what holds for everyone holds there too, and nobody's exceptions do.
    if (owners === undefined && everyone.has(far) && this.#inside(near))
      return { owner: undefined, remote: far };
    const unknown = mac !== undefined && !known.has(near) ? this.#byMac.get(mac) : undefined;
    for (const asked of [...(owners ?? []), ...(unknown ?? [])]) {
      const drop = this.#ask(asked, far);
      if (drop !== undefined) return drop;
    }
    return undefined;
  }

  /** What this router itself sends to, or receives from, an address on the way to the internet; ports do not matter here. */
  own(far: Address): Drop | undefined {
    if (this.#own === undefined || this.#guard.holds(far)) return undefined;
    return this.#ask(this.#own, far, false);
  }

  /** In the order of an owner's chain: exceptions, addresses, excepted networks, networks, wide words. */
  #ask({ owner, networks, exceptedNetworks }: Asked, far: Address, everyone = true): Drop | undefined {
    const met = (remote: Drop['remote']): Drop => ({ owner: owner.id, remote });
    if (owner.exceptions.has(far)) return undefined;
    if (owner.remotes.has(far)) return met(far);
    if (everyone && this.#blockSet.everyone.has(far)) return { owner: undefined, remote: far };
    if (exceptedNetworks.holds(far)) return undefined;
    const network = networks.narrowest(far);
    if (network !== undefined) return met(network);
    const wide = this.#inside(far) ? 'lan' : 'internet';
    return owner[wide] === undefined ? undefined : met(wide);
  }

  #inside(address: Address): boolean {
    return this.#home.holds(address);
  }
}

function askable(owner: Owner): Asked {
  return {
    owner,
    networks: indexOf(owner.networks),
    exceptedNetworks: indexOf(owner.exceptedNetworks),
  };
}

function push<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}
