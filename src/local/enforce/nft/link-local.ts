import type { BlockSet, Mac } from '../../../policy/block-set.ts';
import { setName } from './names.ts';
import type { ChainPlan } from './table.ts';

type Letter = 'b' | 'xb' | 'wb';

/** `b` pairs of MACs, `xb` those that pass although all others are blocked, `wb` MACs without the LAN. */
export const LINK_SETS: Readonly<Record<Letter, string>> = {
  b: 'type ether_addr . ether_addr;',
  xb: 'type ether_addr . ether_addr;',
  wb: 'type ether_addr;',
};
const named = (letter: Letter): string => `@${setName(letter, 6)}`;

/** Every address of this range is of one link only (RFC 4291 2.5.6): routed packets have none of them. */
const RANGE = 'fe80::/10';

/** The chain that is asked about packets between two link-local addresses. */
export const LINK_CHAIN = 'link6';
export const LINK_RULE = `ip6 saddr ${RANGE} ip6 daddr ${RANGE} jump ${LINK_CHAIN}`;

/**
 * Devices that are blocked from each other by any address they have could go on by their link-local ones, which no block names
 * and nobody learns. On a bridge both MACs are in the packet: it is judged by them. What has to pass there has passed.
 * Not counted: there is no entry of the block set that it belongs to.
 */
export const linkChain: ChainPlan = {
  hook: undefined,
  rules: [
    `ether saddr . ether daddr ${named('xb')} return`,
    `ether daddr . ether saddr ${named('xb')} return`,
    `ether saddr . ether daddr ${named('b')} counter drop`,
    `ether daddr . ether saddr ${named('b')} counter drop`,
    `ether saddr ${named('wb')} counter drop`,
    `ether daddr ${named('wb')} counter drop`,
  ],
};

/** What a block set says of devices' MACs; `add` takes those that are MACs. */
export function fillLinks(
  { owners }: Pick<BlockSet, 'owners'>,
  add: (set: Letter, ...macs: Mac[]) => void,
): void {
  const macsOf = new Map<string, Set<Mac>>();
  for (const { addresses, macs } of owners.values())
    for (const address of addresses) {
      const there = macsOf.get(address);
      if (there === undefined) macsOf.set(address, new Set(macs));
      else for (const mac of macs) there.add(mac);
    }
  for (const { macs, remotes, exceptions, lan } of owners.values())
    for (const near of macs) {
      if (lan !== undefined) add('wb', near);
      for (const [set, far] of [
        ['b', remotes],
        ['xb', exceptions],
      ] as const)
        for (const address of far.keys()) for (const mac of macsOf.get(address) ?? []) add(set, near, mac);
    }
}
