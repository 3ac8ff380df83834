import type { Family } from '../../policy/address.ts';
import { ROOT, type SetLetter, setName } from './names.ts';
import type { Shape } from './rulebook.ts';
import { groupOf } from './slots.ts';

/** Our chains in the order of their making, each with its rules as `iptables-save` prints them. */
export type Chains = ReadonlyMap<string, readonly string[]>;

/**
 * The chains of one family (design page enforce.md). `-j` in HEDGEROW, `-g` below, RETURN and never ACCEPT. What wide
 * subjects will need goes in at these places: HR-X and HR-Y before the R lines of HEDGEROW, `a` first and `n`, `an`,
 * internet and lan last in HR-Od and HR-Id.
 */
export function chainsOf(shape: Shape, family: Family): Chains {
  const chains = new Map<string, string[]>();
  const chain = (name: string): ((rule: string) => void) => {
    const rules: string[] = [];
    chains.set(name, rules);
    return (rule) => void rules.push(`-A ${name} ${rule}`);
  };
  const match = (letter: SetLetter, direction: string, index?: number): string =>
    `-m set --match-set ${setName(letter, family, index)} ${direction}`;
  const unknown = `-m set ! --match-set ${setName('K', family)} src`;
  const slots = [...shape.slots].sort(([a], [b]) => a - b);
  const groups = [...new Set(slots.map(([slot]) => groupOf(slot)))];
  const withMac = slots.some(([, { macs }]) => macs.size > 0);

  root(shape.wan, chain, [
    { side: 'i', rule: `${match('R', 'dst')} -j HR-O` },
    ...(withMac ? [{ side: 'i' as const, rule: `${unknown} -j HR-M` }] : []),
    { side: 'o', rule: `${match('R', 'src')} -j HR-I` },
  ]);

  if (withMac) {
    const byMac = chain('HR-M');
    byMac(`${match('U', 'dst')} -j RETURN`);
    for (const [slot, { macs, shared }] of slots) {
      for (const mac of [...macs].sort())
        byMac(`-m mac --mac-source ${mac} ${shared ? '-j' : '-g'} HR-Od${slot}`);
    }
  }

  for (const [way, near, far] of [
    ['O', 'src', 'dst'],
    ['I', 'dst', 'src'],
  ] as const) {
    const top = chain(`HR-${way}`);
    top(`${match('U', far)} -j RETURN`);
    // A shared address has to be asked for in every group: `-j` comes back and goes on, `-g` does not.
    const back = (among: typeof slots): string => (among.some(([, { shared }]) => shared) ? '-j' : '-g');
    if (groups.length > 0) {
      top(`${match('L', near)} ${back(slots)} HR-${way}L`);
      const owners = chain(`HR-${way}L`);
      for (const group of groups) {
        const members = slots.filter(([slot]) => groupOf(slot) === group);
        owners(`${match('g', near, group)} ${back(members)} HR-${way}${group}`);
        const one = chain(`HR-${way}${group}`);
        for (const member of members) {
          const [slot] = member;
          one(`${match('d', near, slot)} ${back([member])} HR-${way}d${slot}`);
          const own = chain(`HR-${way}d${slot}`);
          own(`${match('r', far, slot)} -j DROP`);
          own(`${match('E', far)} -j DROP`);
        }
      }
    }
    top(`${match('E', far)} ${match('H', near)} -j DROP`);
  }
  return chains;
}

/**
 * HEDGEROW itself. With one interface towards the internet its test stands in each rule. "Not one of several" cannot
 * be said in a rule, so several get a chain per side that returns for each of them. With none every packet is looked
 * at from both sides, which is right and a little slower.
 */
function root(
  wan: readonly string[],
  chain: (name: string) => (rule: string) => void,
  rules: readonly { side: 'i' | 'o'; rule: string }[],
): void {
  const top = chain(ROOT);
  if (wan.length <= 1) {
    for (const { side, rule } of rules) top(wan.length === 0 ? rule : `! -${side} ${wan[0]} ${rule}`);
    return;
  }
  for (const [side, name] of [
    ['i', 'HR-From'],
    ['o', 'HR-To'],
  ] as const) {
    top(`-j ${name}`);
    const part = chain(name);
    for (const device of [...wan].sort()) part(`-${side} ${device} -j RETURN`);
    for (const { side: of, rule } of rules) if (of === side) part(rule);
  }
}
