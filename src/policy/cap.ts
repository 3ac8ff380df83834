import type { BlockSet, NodeId, Owner, RecordId, Spared, Wanted } from './block-set.ts';

/** How many kernel entries a block set asks for: addresses and networks. */
export function sizeOf({ owners, everyone }: BlockSet): number {
  let size = everyone.size;
  for (const { remotes, networks } of owners.values()) size += remotes.size + networks.size;
  return size;
}

interface Entry {
  readonly order: number;
  readonly owner: NodeId | undefined;
  readonly kind: 'remotes' | 'networks' | 'everyone';
  readonly key: string;
  readonly wanted: Wanted;
}

/** The block set with at most `max` entries, those of the narrowest policies; `order`: the policies, narrowest first. */
export function capped(set: BlockSet, order: readonly RecordId[], max: number): BlockSet {
  const place = new Map(order.map((record, index) => [record, index]));
  const entries: Entry[] = [];
  const note = (owner: NodeId | undefined, kind: Entry['kind'], of: ReadonlyMap<string, Wanted>): void => {
    for (const [key, wanted] of of) {
      const first = Math.min(...wanted.map((record) => place.get(record) ?? order.length));
      entries.push({ order: first, owner, kind, key, wanted });
    }
  };
  for (const { id, remotes, networks } of set.owners.values()) {
    note(id, 'remotes', remotes);
    note(id, 'networks', networks);
  }
  note(undefined, 'everyone', set.everyone);
  entries.sort((x, y) => x.order - y.order);

  const everyone = new Map<string, Wanted>();
  const kept = new Map<NodeId, { remotes: Map<string, Wanted>; networks: Map<string, Wanted> }>();
  for (const { owner, kind, key, wanted } of entries.slice(0, max)) {
    if (owner === undefined || kind === 'everyone') everyone.set(key, wanted);
    else {
      const mine = kept.get(owner) ?? { remotes: new Map(), networks: new Map() };
      kept.set(owner, mine);
      mine[kind].set(key, wanted);
    }
  }
  const spared = new Map<RecordId, Spared>();
  for (const { key, wanted } of entries.slice(max)) {
    for (const record of wanted)
      if (!spared.has(record)) spared.set(record, { record, address: key, why: 'cap' });
  }
  const owners = [...set.owners].map(([id, owner]): [NodeId, Owner] => {
    const mine = kept.get(id) ?? { remotes: new Map(), networks: new Map() };
    return [id, { ...owner, ...mine }];
  });
  return { ...set, owners: new Map(owners), everyone, spared: [...set.spared, ...spared.values()] };
}
