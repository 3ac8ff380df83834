import type { Family } from '../../../policy/address.ts';
import { FAMILIES } from '../rulebook.ts';
import type { Shape } from './chains.ts';
import { LINK_SETS } from './link-local.ts';
import { type HitLetter, hitName, type SetLetter, setName } from './names.ts';
import type { SetPlan } from './table.ts';

/** Entries that a counting set takes; what is dropped beyond is dropped uncounted. */
const MAX_HITS = 262_144;

/** A set before it is filled. */
export type Declared = Pick<SetPlan, 'kind' | 'declared'>;

/** The sets that the chains of this shape ask for. Pairs have no `flags interval`: with it a look-up costs by their number. */
export function setsOf(shape: Shape): ReadonlyMap<string, Declared> {
  const sets = new Map<string, Declared>();
  for (const family of FAMILIES) {
    const ip = family === 4 ? 'ipv4_addr' : 'ipv6_addr';
    const set = (letters: readonly SetLetter[], type: string, round = 0): void => {
      for (const letter of letters)
        sets.set(setName(letter, family, round), { kind: 'set', declared: `type ${type};` });
    };
    const map = (letter: SetLetter, key: string, round: number): void =>
      void sets.set(setName(letter, family, round), { kind: 'map', declared: `type ${key} : verdict;` });
    const hits = (letters: readonly HitLetter[], type: string): void => {
      const declared = `type ${type}; size ${MAX_HITS}; flags dynamic; counter;`;
      for (const letter of letters) sets.set(hitName(letter, family), { kind: 'set', declared });
    };
    const used = usedKinds(shape, family);

    for (const letter of ['u', 'h'] as const)
      sets.set(setName(letter, family), { kind: 'set', declared: `type ${ip}; flags interval;` });
    set(['e', 'r', 'k', ...(shape.of === 'bridged' ? ['o' as const] : [])], ip);
    hits(['p'], `${ip} . ${ip}`);
    hits(['e', ...(used.internet ? ['i' as const] : []), ...(used.lan ? ['l' as const] : [])], ip);
    if (used.lengths) hits(['n'], `${ip} . ${ip}`);
    for (let round = 0; round < shape.rounds; round++) {
      set(['l'], ip, round);
      set(['p', 'a', ...(used.networks ? (['n', 'an', 'x'] as const) : [])], `${ip} . ${ip}`, round);
      if (shape.kinds.size > 0) for (const letter of ['s', 'd'] as const) map(letter, ip, round);
    }
    if (shape.macRounds === 0) continue;
    hits(['pm', ...(used.lengths ? ['nm' as const] : [])], `ether_addr . ${ip}`);
    hits([...(used.internet ? ['im' as const] : []), ...(used.lan ? ['lm' as const] : [])], 'ether_addr');
    for (let round = 0; round < shape.macRounds; round++) {
      set(['lm'], 'ether_addr', round);
      set(
        ['pm', 'am', ...(used.networks ? (['nm', 'anm', 'xm'] as const) : [])],
        `ether_addr . ${ip}`,
        round,
      );
      if (shape.kinds.size > 0) map('sm', 'ether_addr', round);
    }
  }
  if (shape.of === 'bridged')
    for (const [letter, declared] of Object.entries(LINK_SETS))
      sets.set(setName(letter as keyof typeof LINK_SETS, 6), { kind: 'set', declared });
  return sets;
}

function usedKinds(
  { kinds, networks }: Shape,
  family: Family,
): Readonly<Record<'networks' | 'internet' | 'lan' | 'lengths', boolean>> {
  const has = (kind: string): boolean => [...kinds].some((one) => one.includes(kind));
  return { networks: has('n'), internet: has('i'), lan: has('l'), lengths: networks[family].size > 0 };
}
