import type { Shape } from './chains.ts';
import type { ChainPlan } from './table.ts';

/** The chains at the hooks of what this router itself receives and sends. */
export const OWN_BASES = { in: 'on_input', out: 'on_output' } as const;

/** What routers tell each other so that anything is found at all, and what went wrong on the way (RFC 4861, 4443, 792). */
const ICMP = [
  'meta l4proto ipv6-icmp icmpv6 type { 1, 2, 3, 4, 133, 134, 135, 136, 137 } return',
  'meta l4proto icmp icmp type { 3, 11, 12 } return',
];
/** DHCP and DHCPv6 as a client, between these ports alone (RFC 2131 4.1, RFC 8415 7.2). */
const DHCP = {
  in: 'udp sport . udp dport { 67 . 68, 547 . 546 } return',
  out: 'udp sport . udp dport { 68 . 67, 546 . 547 } return',
};

/** What a router cannot do without: DNS, also over TLS, and the time. */
const NEEDED = '53, 123, 853';

/** So many ports are never cut. */
export interface OwnPorts {
  /** TCP ports of this router by which people and other routers reach it: ssh, the page, the overlay. */
  readonly served: readonly number[];
  /** TCP ports at which the other routers are reached: those of the overlay. */
  readonly members: readonly number[];
  /** Connections are tracked: UDP that begins one is no answer to anything that this router has asked. */
  readonly tracked: boolean;
}

export const NO_PORTS: OwnPorts = { served: [], members: [], tracked: false };

/**
 * The chains above `in` and `out` of the router itself. They look at interfaces towards the internet alone: who
 * is in the LAN always reaches the router. By port and kind of packet some always pass, or a block would end what it takes to
 * lift it; no connections are looked up for that, so none has to be tracked.
 */
export function ownBase({ wan, ports }: Shape, chains: Map<string, ChainPlan>, priority: number): void {
  const names = [...wan].sort().map((one) => `"${one.replace(/\+$/, '*')}"`);
  const families = (way: 'in' | 'out') => `meta nfproto vmap { ipv4 : jump ${way}4, ipv6 : jump ${way}6 }`;
  const served = (side: 'dport' | 'sport'): string[] =>
    ports.served.length === 0 ? [] : [`tcp ${side} { ${listed(ports.served)} } return`];
  const kept = {
    // Where it is sent is not said by the sender's address, which is what is asked for otherwise.
    in: ['meta pkttype { broadcast, multicast } return', ...served('dport')],
    out: ['fib daddr type { broadcast, multicast } return', ...served('sport')],
  };
  for (const way of ['in', 'out'] as const) {
    const [field, hook] = way === 'in' ? ['iifname', 'input'] : ['oifname', 'output'];
    chains.set(`own_${way}`, { hook: undefined, rules: [...kept[way], DHCP[way], ...ICMP, families(way)] });
    chains.set(OWN_BASES[way], {
      hook: `type filter hook ${hook} priority ${priority}; policy accept;`,
      rules: names.map((one) => `${field} ${one} goto own_${way}`),
    });
  }
}

/**
 * What passes although the whole internet or a network is blocked; an address that is blocked by itself has been asked for
 * before. What answers over TCP never opens: its first packet has SYN alone. Of UDP what begins a connection is left out where that can be
 * told; what the kernel does not track, or cannot tell, passes, for an answer too few is worse than a packet too many.
 */
export function passesWide(way: 'o' | 'i', { ports }: Pick<Shape, 'ports'>): string[] {
  const tcp = listed([53, 853, ...ports.members]);
  if (way === 'o') return [`udp dport { ${NEEDED} } return`, `tcp dport { ${tcp} } return`];
  const answers = ports.tracked ? ' ct state != new' : '';
  return [
    `udp sport { ${NEEDED} }${answers} return`,
    `tcp sport { ${tcp} } tcp flags & (syn | ack) != syn return`,
  ];
}

function listed(ports: readonly number[]): string {
  return [...new Set(ports)].sort((a, b) => a - b).join(', ');
}
