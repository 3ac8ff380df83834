import { PrefixIndex } from '../../local/enforce/prefix-index.ts';
import type { Address, BlockSet, RecordId } from '../../policy/block-set.ts';
import type { Parts } from '../parts.ts';
import type { Entries } from './entries.ts';

/** How much of a policy is about devices that reach each other past this router's rules. */
export type PastRules = 'all' | 'some';

/** In words for people, wherever a policy is shown. */
export const PAST_RULES: Readonly<Record<PastRules, string>> = {
  all: 'not enforceable here: same switch',
  some: 'not between devices on the same switch',
};

/**
 * What is in the kernel and still does not hold, because both ends are devices on one switch whose packets this router does
 * not see (design page enforce.md, "Visible truth"). By record; those without any such entry are left out.
 */
export function pastRules(
  { cache, seesInside }: Parts,
  set: BlockSet,
  entries: ReadonlyMap<RecordId, Entries>,
): ReadonlyMap<RecordId, PastRules> {
  if (seesInside === undefined) return new Map();
  const unseen = new Map<Address, string>();
  const places = new Map<Address, string>();
  for (const { addresses } of cache.devices())
    for (const { address, segment } of addresses) {
      if (segment === undefined) continue;
      places.set(address, segment);
      if (!seesInside(segment.slice(segment.indexOf('/') + 1))) unseen.set(address, segment);
    }
  if (unseen.size === 0) return new Map();

  const past = new Map<RecordId, { whole: number }>();
  const note = (ids: readonly RecordId[] | undefined, whole: boolean): void => {
    for (const id of ids ?? []) {
      const sum = past.get(id) ?? { whole: 0 };
      sum.whole += whole ? 1 : 0;
      past.set(id, sum);
    }
  };
  for (const [far, ids] of set.everyone) if (unseen.has(far)) note(ids, false);
  for (const { addresses, remotes, networks, lan } of set.owners.values()) {
    const own = new Set([...addresses].flatMap((address) => places.get(address) ?? []));
    const beside = [...unseen].filter(([far, segment]) => own.has(segment) && !addresses.has(far));
    const index = new PrefixIndex(networks.keys());
    for (const [far] of beside) {
      // Who is on other networks of this router as well is stopped there.
      note(remotes.get(far), own.size === 1);
      const network = index.narrowest(far);
      note(network === undefined ? undefined : networks.get(network), false);
    }
    if (beside.length > 0) note(lan, false);
  }
  return new Map(
    [...past].map(([id, { whole }]) => {
      const { addresses = 0, networks = 0, wide = 0 } = entries.get(id) ?? {};
      return [id, whole === addresses + networks + wide ? 'all' : 'some'];
    }),
  );
}
