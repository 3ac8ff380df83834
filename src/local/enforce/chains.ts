import type { Family } from '../../policy/address.ts';
import { ROOT, type SetLetter, setName } from './names.ts';
import { isWide, type Kind, type Shape } from './shape.ts';
import { groupOf } from './slots.ts';

/** Our chains in the order of their making, each with its rules as `iptables-save` prints them. */
export type Chains = ReadonlyMap<string, readonly string[]>;

/** By the shape, which never changes, and gone with it: each change, check and plan asks for the chains in force. */
const made: Readonly<Record<Family, WeakMap<Shape, Chains>>> = { 4: new WeakMap(), 6: new WeakMap() };

/**
 * The chains of one family (design page enforce.md). `-j` in HEDGEROW, `-g` below, RETURN and never ACCEPT. Only wide
 * owners come through HR-X and HR-Y, wherever their packets go; without one these doors are not there.
 */
export function chainsOf(shape: Shape, family: Family): Chains {
  const known = made[family].get(shape);
  if (known !== undefined) return known;
  const chains = make(shape, family);
  made[family].set(shape, chains);
  return chains;
}

function make(shape: Shape, family: Family): Chains {
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
  const wide = slots.filter(([, { kinds }]) => isWide(kinds));

  root(shape.wan, chain, [
    ...(wide.length > 0 ? [{ side: 'i' as const, rule: `${match('W', 'src')} -j HR-X` }] : []),
    { side: 'i', rule: `${match('R', 'dst')} -j HR-O` },
    ...(withMac ? [{ side: 'i' as const, rule: `${unknown} -j HR-M` }] : []),
    ...(wide.length > 0 ? [{ side: 'o' as const, rule: `${match('W', 'dst')} -j HR-Y` }] : []),
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

  for (const [way, door, near, far] of [
    ['O', 'X', 'src', 'dst'],
    ['I', 'Y', 'dst', 'src'],
  ] as const) {
    // A shared address has to be asked for in every group: `-j` comes back and goes on, `-g` does not.
    const back = (among: typeof slots): string => (among.some(([, { shared }]) => shared) ? '-j' : '-g');
    const dispatch = (from: string, letter: 'g' | 'w', among: typeof slots, name: string): void => {
      const top = chain(from);
      if (letter === 'w') top(`${match('U', far)} -j RETURN`);
      for (const group of groups) {
        const members = among.filter(([slot]) => groupOf(slot) === group);
        if (members.length === 0) continue;
        top(`${match(letter, near, group)} ${back(members)} ${name}${group}`);
        const one = chain(`${name}${group}`);
        for (const member of members)
          one(`${match('d', near, member[0])} ${back([member])} HR-${way}d${member[0]}`);
      }
    };
    if (wide.length > 0) dispatch(`HR-${door}`, 'w', wide, `HR-${door}`);
    const top = chain(`HR-${way}`);
    top(`${match('U', far)} -j RETURN`);
    if (slots.length > 0) {
      // Its owners' own chains have asked for E, and their exceptions beat it: nobody comes back to the line below.
      top(`${match('L', near)} -g HR-${way}L`);
      dispatch(`HR-${way}L`, 'g', slots, `HR-${way}`);
    }
    top(`${match('E', far)} ${match('H', near)} -j DROP`);
    for (const [slot, { kinds }] of slots) {
      const own = chain(`HR-${way}d${slot}`);
      const lines: [Kind | undefined, string][] = [
        ['a', `${match('a', far, slot)} -j RETURN`],
        [undefined, `${match('r', far, slot)} -j DROP`],
        [undefined, `${match('E', far)} -j DROP`],
        ['an', `${match('an', far, slot)} -j RETURN`],
        ['n', `${match('n', far, slot)} -j DROP`],
        ['internet', `-m set ! --match-set ${setName('H', family)} ${far} -j DROP`],
        ['lan', `${match('H', far)} -j DROP`],
      ];
      for (const [kind, rule] of lines) if (kind === undefined || kinds.has(kind)) own(rule);
    }
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
