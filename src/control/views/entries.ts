import type { BlockSet, RecordId } from '../../policy/block-set.ts';

/** How much of a block set is there because of one record. */
export interface Entries {
  /** Addresses blocked or excepted, each device for itself. */
  readonly addresses: number;
  readonly networks: number;
  /** Devices for which the internet or all others are blocked; 1 for this router itself. */
  readonly wide: number;
}

/** What each record brought into the block set; records that brought nothing are left out. */
export function countEntries(set: BlockSet): ReadonlyMap<RecordId, Entries> {
  const counts = new Map<RecordId, { addresses: number; networks: number; wide: number }>();
  const count = (what: keyof Entries, ids: readonly RecordId[] | undefined): void => {
    for (const id of ids ?? []) {
      const entries = counts.get(id) ?? { addresses: 0, networks: 0, wide: 0 };
      entries[what] += 1;
      counts.set(id, entries);
    }
  };
  for (const ids of set.everyone.values()) count('addresses', ids);
  for (const owner of [...set.owners.values(), ...(set.own === undefined ? [] : [set.own])]) {
    for (const ids of owner.remotes.values()) count('addresses', ids);
    for (const ids of owner.exceptions.values()) count('addresses', ids);
    for (const ids of owner.networks.values()) count('networks', ids);
    for (const ids of owner.exceptedNetworks.values()) count('networks', ids);
    count('wide', owner.internet);
    count('wide', owner.lan);
  }
  return counts;
}
