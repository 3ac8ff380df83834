import type { Family } from '../../../policy/address.ts';
import { FAMILIES } from '../rulebook.ts';
import { LINK_CHAIN, LINK_RULE, linkChain } from './link-local.ts';
import { BASE, setName } from './names.ts';
import type { ChainPlan } from './table.ts';

/** Before everything else that filters on bridges (NF_BR_PRI_FILTER_BRIDGED is -200), bridge-nf among it. */
const PRIORITY = -300;

/**
 * What devices need to be on the LAN at all: DHCP (also from a relay), DHCPv6, neighbour discovery (RFC 4861). The protocol is
 * asked by `meta protocol`: `ether type`, which nft adds by itself before `icmpv6`, is not IP's in a frame with a VLAN tag.
 */
const NEEDED = [
  'meta protocol ip udp sport . udp dport { 67 . 67, 67 . 68, 68 . 67 } return',
  'meta protocol ip6 udp sport . udp dport { 546 . 547, 547 . 546 } return',
  'meta protocol ip6 meta l4proto ipv6-icmp icmpv6 type { 133, 134, 135, 136, 137 } return',
];

/**
 * The chains above `out` and `in` of a bridge. A far end that is not near (bridged.ts) passes: entries about it are not in
 * this table, exceptions as little as blocks. A drop is final, so what bridge-nf shows to the table of what is routed as well is
 * counted once.
 */
export function bridgeBase(chains: Map<string, ChainPlan>): void {
  chains.set(LINK_CHAIN, linkChain);
  for (const family of FAMILIES) chains.set(`near${family}`, { hook: undefined, rules: near(family) });
  chains.set(BASE, {
    hook: `type filter hook forward priority ${PRIORITY}; policy accept;`,
    rules: [...NEEDED, 'meta protocol vmap { ip : jump near4, ip6 : jump near6 }'],
  });
}

function near(family: Family): string[] {
  const ip = family === 4 ? 'ip' : 'ip6';
  const [home, strays] = [`@${setName('h', family)}`, `@${setName('o', family)}`];
  const toNear = [
    ['daddr', `out${family}`],
    ['saddr', `in${family}`],
  ].flatMap(([far, chain]) => [`${ip} ${far} ${home} jump ${chain}`, `${ip} ${far} ${strays} jump ${chain}`]);
  return family === 6 ? [LINK_RULE, ...toNear] : toNear;
}
