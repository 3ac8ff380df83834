import type { BlockSet, NodeId, Owner } from '../../../policy/block-set.ts';
import type { Counter } from '../backend.ts';
import type { Count } from '../counters.ts';
import { decodePrefix, hitName, parseHitName, WIDTH } from './names.ts';
import { type Found, ownWriting } from './read.ts';

/** What counting sets hold, by set and element. */
export type Hits = ReadonlyMap<string, ReadonlyMap<string, Count>>;

/** Whose drop, and of what. */
type Dropped = Pick<Counter, 'owner' | 'remote'>;

/** Says for the elements of counting sets which entry of a block set they have counted for. */
export class Attribution {
  readonly #blockSet: BlockSet;
  readonly #byKey = new Map<string, Owner[]>();

  constructor(blockSet: BlockSet) {
    this.#blockSet = blockSet;
    for (const owner of blockSet.owners.values())
      for (const key of [...owner.addresses, ...owner.macs]) {
        const there = this.#byKey.get(key);
        if (there === undefined) this.#byKey.set(key, [owner]);
        else there.push(owner);
      }
  }

  /** Undefined for what is not blocked any more, or otherwise. */
  of(set: string, element: string): Dropped | undefined {
    const name = parseHitName(set);
    if (name === undefined) return undefined;
    const [near = '', far = ''] = element.split(' . ');
    if (name.letter === 'e')
      return this.#blockSet.everyone.has(near) ? { owner: undefined, remote: near } : undefined;
    const owners = this.#byKey.get(near) ?? [];
    const kind = name.letter[0];
    if (kind === 'p') return this.#pair(owners, far, `${far}/${WIDTH[name.family]}`);
    if (kind === 'n') return this.#network(owners, decodePrefix(far));
    const wide = kind === 'i' ? 'internet' : 'lan';
    const owner = owners.find((one) => one[wide] !== undefined);
    return owner && { owner: owner.id, remote: wide };
  }

  #pair(owners: readonly Owner[], far: string, prefix: string): Dropped | undefined {
    const owner = owners.find(({ remotes, exceptions }) => remotes.has(far) && !exceptions.has(far));
    if (owner !== undefined) return { owner: owner.id, remote: far };
    const other = owners.find(({ networks }) => networks.has(prefix));
    return other && { owner: other.id, remote: prefix };
  }

  /** Of a prefix that holds everything each half counts. */
  #network(owners: readonly Owner[], prefix: string): Dropped | undefined {
    const whole = /^(0\.0\.0\.0|128\.0\.0\.0)\/1$/.test(prefix)
      ? '0.0.0.0/0'
      : /^(::|8000::)\/1$/.test(prefix)
        ? '::/0'
        : prefix;
    const owner = owners.find(({ networks }) => networks.has(prefix) || networks.has(whole));
    return owner && { owner: owner.id, remote: prefix };
  }
}

/** What one counting set said, and the sum of its rules when it said so. */
interface Said {
  readonly sum: number;
  readonly counts: ReadonlyMap<string, Count>;
}

/** Remembers what the counting sets said, so that only those are listed again whose rules have dropped since. */
export class HitBook {
  #said = new Map<string, Said>();
  /** What copies of the table have counted while it was replaced. The kernel takes it over with the next table. */
  #copied: Hits = new Map();

  /** These elements begin anew. */
  forget(gone: ReadonlyMap<string, readonly string[]>): void {
    for (const [name, elements] of gone) {
      const said = this.#said.get(name);
      if (said === undefined) continue;
      const counts = new Map(said.counts);
      for (const element of elements) counts.delete(element);
      this.#said.set(name, { sum: said.sum, counts });
    }
  }

  /** The table is another, whose counting sets begin with these counts. */
  begin(counts: Hits, copied: Hits = new Map()): void {
    this.#copied = copied;
    this.#said = new Map([...counts].map(([name, one]) => [name, { sum: 0, counts: one }]));
  }

  /** What copies have counted for entries that are still there; others begin anew. */
  copied(attribution: Attribution): Hits {
    this.#copied = kept(this.#copied, attribution);
    return this.#copied;
  }

  /** Counts by set and element. `list` lists one set. With `all` every set is, for what the rules say began later. */
  async read(found: Found, list: (name: string) => Promise<Found | undefined>, all = false): Promise<Hits> {
    const sums = sumsOf(found);
    const moved = [...found.sets.keys()].filter(
      (name) =>
        parseHitName(name) !== undefined &&
        (all || (this.#said.get(name)?.sum ?? 0) !== (sums.get(name) ?? 0)),
    );
    const lists = await Promise.all(moved.map(list));
    const said = new Map<string, Said>();
    for (const [i, name] of moved.entries())
      said.set(name, { sum: sums.get(name) ?? 0, counts: lists[i]?.counts.get(name) ?? new Map() });
    for (const [name, one] of this.#said) if (found.sets.has(name) && !said.has(name)) said.set(name, one);
    this.#said = said;
    return new Map([...said].map(([name, { counts }]) => [name, counts]));
  }
}

/** What the rules that lead to each counting set have dropped. */
function sumsOf(found: Found): ReadonlyMap<string, number> {
  const sums = new Map<string, number>();
  for (const [chain, { packets }] of found.chains) {
    const [, letter, family, way] = /^drop_([pnile])([46])_([oim])/.exec(chain) ?? [];
    if (letter === undefined) continue;
    const byMac = way === 'm' && letter !== 'e' ? 'm' : '';
    const name = hitName(`${letter}${byMac}` as Parameters<typeof hitName>[0], family === '4' ? 4 : 6);
    sums.set(name, (sums.get(name) ?? 0) + packets);
  }
  return sums;
}

/** Adds up what belongs to one entry, `copied` (HitBook) too; what of the hits belongs to none is `stale`, by set. */
export function countersOf(
  hits: Hits,
  attribution: Attribution,
  copied: Hits = new Map(),
): { readonly counters: readonly Counter[]; readonly stale: ReadonlyMap<string, readonly string[]> } {
  const counters = new Map<
    string,
    { owner: NodeId | undefined; remote: Counter['remote']; packets: number; bytes: number }
  >();
  const stale = new Map<string, string[]>();
  for (const [set, counts] of [...hits, ...copied])
    for (const [element, { packets, bytes }] of counts) {
      const dropped = attribution.of(set, ownWriting(element, false));
      if (dropped === undefined) {
        stale.set(set, [...(stale.get(set) ?? []), element]);
        continue;
      }
      const key = `${dropped.owner} ${dropped.remote}`;
      const sum = counters.get(key) ?? { ...dropped, packets: 0, bytes: 0 };
      sum.packets += packets;
      sum.bytes += bytes;
      counters.set(key, sum);
    }
  return { counters: [...counters.values()], stale };
}

/** What of the hits belongs to an entry still. */
export function kept(hits: Hits, attribution: Attribution): Hits {
  const holds = (set: string, element: string): boolean =>
    attribution.of(set, ownWriting(element, false)) !== undefined;
  return new Map(
    [...hits].map(([set, counts]) => [set, new Map([...counts].filter(([element]) => holds(set, element)))]),
  );
}

/** Both, element by element. */
export function sum(hits: Hits, more: Hits): Hits {
  const sums = new Map([...hits].map(([set, counts]) => [set, new Map(counts)]));
  for (const [set, counts] of more) {
    const into = sums.get(set) ?? new Map<string, Count>();
    sums.set(set, into);
    for (const [element, { packets, bytes }] of counts) {
      const one = into.get(element);
      into.set(element, { packets: packets + (one?.packets ?? 0), bytes: bytes + (one?.bytes ?? 0) });
    }
  }
  return sums;
}

/** Elements of counting sets as they are written into a new table, with what they have counted so far. */
export function written(hits: Hits): ReadonlyMap<string, readonly string[]> {
  return new Map(
    [...hits].map(([set, counts]) => [
      set,
      [...counts].map(
        ([element, { packets, bytes }]) => `${element} counter packets ${packets} bytes ${bytes}`,
      ),
    ]),
  );
}
