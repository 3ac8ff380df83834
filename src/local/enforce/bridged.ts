import { familyOf } from '../../policy/address.ts';
import type { Address, BlockSet, Owner, Prefix } from '../../policy/block-set.ts';
import { PrefixIndex } from './prefix-index.ts';
import { networks } from './rulebook.ts';
import { sameMembers } from './shape.ts';

/**
 * What of a block set can be about two devices of one bridge: entries about far ends that are near, which is inside the
 * home's prefixes or a known address of a device. Of a home's block set that is little: most of it is about the internet. For
 * packets between near ends it blocks what the whole set blocks. Owners that did not change stay the same objects.
 */
export class Bridged {
  #home: BlockSet['home'] = new Set();
  /** Known addresses outside the home's prefixes. */
  #strays: ReadonlySet<Address> = new Set();
  #near = new PrefixIndex([]);
  #owners = new WeakMap<Owner, Owner>();
  #everyone: { readonly of: BlockSet['everyone']; readonly near: BlockSet['everyone'] } | undefined;
  #known: BlockSet['known'] | undefined;

  next(blockSet: BlockSet): BlockSet {
    this.#look(blockSet);
    const owners = new Map([...blockSet.owners].map(([id, owner]) => [id, this.#owner(owner)]));
    if (this.#everyone?.of !== blockSet.everyone)
      this.#everyone = { of: blockSet.everyone, near: this.#meeting(blockSet.everyone) };
    return { ...blockSet, owners, everyone: this.#everyone.near };
  }

  /** What is near; when that moved everything is asked anew. */
  #look({ home, known }: BlockSet): void {
    if (home === this.#home && known === this.#known) return;
    this.#known = known;
    const strays = straysOf(known, home);
    if (sameMembers(home, this.#home) && sameMembers(strays, this.#strays)) return;
    this.#home = home;
    this.#strays = strays;
    this.#near = new PrefixIndex([...[...home].filter(isOne), ...[...strays].map(single)]);
    this.#owners = new WeakMap();
    this.#everyone = undefined;
  }

  #owner(owner: Owner): Owner {
    const held = this.#owners.get(owner);
    if (held !== undefined) return held;
    const near = {
      ...owner,
      remotes: this.#meeting(owner.remotes),
      networks: this.#meeting(owner.networks),
      exceptions: this.#meeting(owner.exceptions),
      exceptedNetworks: this.#meeting(owner.exceptedNetworks),
    };
    this.#owners.set(owner, near);
    return near;
  }

  /** Addresses and networks that something near is in. */
  #meeting<K extends Address | Prefix, V>(entries: ReadonlyMap<K, V>): ReadonlyMap<K, V> {
    return new Map([...entries].filter(([key]) => isOne(key) && this.#near.meets(key)));
  }
}

/** Known addresses outside the home's prefixes: of a prefix that somebody else announces, or set by hand. */
export function straysOf(known: Iterable<Address>, home: Iterable<Prefix>): ReadonlySet<Address> {
  const inside = new PrefixIndex([...home].filter(isOne));
  return new Set([...known].filter((address) => isOne(address) && !inside.holds(address)));
}

/** The backend of what is routed tells of what is none. */
function isOne(key: Address | Prefix): boolean {
  return networks(key.includes('/') ? key : single(key)).length > 0;
}

function single(address: Address): Prefix {
  return `${address}/${familyOf(address) === 4 ? 32 : 128}`;
}
