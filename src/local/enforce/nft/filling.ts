import { type Family, familyOf } from '../../../policy/address.ts';
import type { BlockSet, Owner, Prefix } from '../../../policy/block-set.ts';
import { straysOf } from '../bridged.ts';
import { isElement, isMac, networks } from '../elements.ts';
import { PrefixIndex } from '../prefix-index.ts';
import { FAMILIES } from '../rulebook.ts';
import { type Kinds, wideName } from './chains.ts';
import { fillLinks } from './link-local.ts';
import { encodePrefix, type SetLetter, setName, WIDTH } from './names.ts';

/** A length of prefixes that somebody's networks have. */
export interface Length {
  readonly of: 'networks' | 'exceptedNetworks';
  readonly family: Family;
  readonly length: number;
}

/** Elements in the making. */
export class Filling {
  readonly sets = new Map<string, Set<string>>();
  readonly lengths = new Map<string, Length>();
  /** Remotes that are blocked address by address, for the gate. */
  readonly remotes: Readonly<Record<Family, Set<string>>> = { 4: new Set(), 6: new Set() };
  refused = 0;

  add(name: string, element: string): void {
    const set = this.sets.get(name);
    if (set === undefined) this.sets.set(name, new Set([element]));
    else set.add(element);
  }

  addresses(letter: SetLetter, addresses: Iterable<string>): void {
    for (const address of this.checked(addresses)) {
      const family = familyOf(address);
      this.add(setName(letter, family), address);
      this.remotes[family].add(address);
    }
  }

  /** Devices by their MACs, for what they say to each other by link-local addresses. */
  links(blockSet: Pick<BlockSet, 'owners'>): void {
    fillLinks(blockSet, (letter, ...macs) => {
      if (macs.every(isMac)) this.add(setName(letter, 6), macs.join(' . '));
    });
  }

  /** Known addresses outside the home; the others are refused elsewhere. */
  strays(known: Iterable<string>, home: Iterable<string>): void {
    for (const address of straysOf(known, home)) this.add(setName('o', familyOf(address)), address);
  }

  /** Prefixes that lie in no other one: intervals must not overlap. */
  outermost(letter: SetLetter, prefixes: Iterable<string>): void {
    const all = this.prefixes(prefixes);
    const index = new PrefixIndex(all);
    for (const one of all) if (index.widest(one) === one) this.add(setName(letter, familyOf(one)), one);
  }

  owner(
    far: Far,
    { key, round, family, byMac }: { key: string; round: number; family: Family; byMac: boolean },
  ): void {
    const fill = (letter: SetLetter, remotes: Iterable<string>): void => {
      const name = setName(letter, family, round);
      for (const remote of remotes) this.add(name, `${key} . ${remote}`);
    };
    this.add(setName(byMac ? 'lm' : 'l', family, round), key);
    fill(byMac ? 'pm' : 'p', far.pairs);
    fill(byMac ? 'am' : 'a', far.excepted);
    fill(byMac ? 'nm' : 'n', far.networks);
    fill(byMac ? 'anm' : 'an', far.exceptedNetworks);
    fill(byMac ? 'xm' : 'x', far.exceptedSingle);
  }

  /** Those that are addresses; the others are refused. */
  checked(addresses: Iterable<string>): string[] {
    return [...addresses].filter((one) => {
      const good = isElement(one);
      if (!good) this.refused += 1;
      return good;
    });
  }

  /** Those that are prefixes, with the two halves of one that holds everything. */
  prefixes(prefixes: Iterable<string>): Prefix[] {
    return [...prefixes].flatMap((one) => {
      const parts = networks(one);
      if (parts.length === 0) this.refused += 1;
      return parts;
    });
  }

  length(of: 'networks' | 'exceptedNetworks', family: Family, prefixes: readonly Prefix[]): void {
    for (const prefix of prefixes) {
      const length = Number(prefix.split('/')[1]);
      this.lengths.set(`${of} ${family} ${length}`, { of, family, length });
    }
  }
}

/** What is far from an owner, canonical and split by family. */
interface Far {
  readonly pairs: ReadonlySet<string>;
  readonly excepted: ReadonlySet<string>;
  readonly networks: readonly string[];
  readonly exceptedNetworks: readonly string[];
  readonly exceptedSingle: readonly string[];
}

/** The elements of an owner. `rounds` are those of its addresses and MACs that others have before it. */
export function fillOwner(
  into: Filling,
  owner: Owner,
  kinds: Kinds,
  rounds: ReadonlyMap<string, number>,
): void {
  const far = { 4: farOf(into, owner, 4, kinds), 6: farOf(into, owner, 6, kinds) };
  for (const address of into.checked(owner.addresses)) {
    const family = familyOf(address);
    into.owner(far[family], { key: address, round: rounds.get(address) ?? 0, family, byMac: false });
    const round = rounds.get(address) ?? 0;
    if (kinds === '') continue;
    into.add(setName('s', family, round), `${address} : jump ${wideName(family, 'o', kinds, round)}`);
    into.add(setName('d', family, round), `${address} : jump ${wideName(family, 'i', kinds, round)}`);
  }
  for (const mac of owner.macs) {
    if (!isMac(mac)) {
      into.refused += 1;
      continue;
    }
    const round = rounds.get(mac) ?? 0;
    for (const family of FAMILIES) {
      into.owner(far[family], { key: mac, round, family, byMac: true });
      if (kinds !== '')
        into.add(setName('sm', family, round), `${mac} : jump ${wideName(family, 'm', kinds, round)}`);
    }
  }
}

/**
 * A network of one address is as good as a pair, where no excepted network holds it: those beat networks, and pairs beat
 * them. So prefixes in sets are always shorter than an address, as their form there wants it.
 */
function farOf(into: Filling, owner: Owner, family: Family, kinds: Kinds): Far {
  const mine = (one: string): boolean => familyOf(one) === family;
  const single = (prefix: Prefix): boolean => prefix.endsWith(`/${WIDTH[family]}`);
  const base = (prefix: Prefix): string => prefix.split('/')[0] ?? '';
  const prefixes = (all: Iterable<Prefix>): Prefix[] => into.prefixes([...all].filter(mine));
  const blocked = prefixes(owner.networks.keys());
  const excepted = prefixes(owner.exceptedNetworks.keys());
  const passing = new PrefixIndex(excepted);
  const singles = blocked.filter((one) => single(one) && !passing.holds(one)).map(base);
  const ranges = blocked.filter((one) => !single(one));
  const exceptedRanges = kinds.includes('n') ? excepted.filter((one) => !single(one)) : [];
  into.length('networks', family, ranges);
  into.length('exceptedNetworks', family, exceptedRanges);
  const pairs = new Set([...into.checked([...owner.remotes.keys()].filter(mine)), ...singles]);
  for (const one of pairs) into.remotes[family].add(one);
  return {
    pairs,
    excepted: new Set(into.checked([...owner.exceptions.keys()].filter(mine))),
    networks: ranges.map(encodePrefix),
    exceptedNetworks: exceptedRanges.map(encodePrefix),
    exceptedSingle: kinds.includes('n') ? excepted.filter(single).map(base) : [],
  };
}
