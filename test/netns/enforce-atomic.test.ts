import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import type { Backend } from '../../src/local/enforce/backend.ts';
import { IpsetBackend } from '../../src/local/enforce/ipset-backend.ts';
import { Iptables } from '../../src/local/enforce/iptables.ts';
import { NftBackend } from '../../src/local/enforce/nft/nft-backend.ts';
import { Successor } from '../../src/local/enforce/remains.ts';
import { createSlotMemory } from '../../src/local/enforce/slots.ts';
import { silentLog } from '../../src/log.ts';
import { world as names } from '../contract/backend.ts';
import { blockSet, owner } from '../unit/local/enforce/block-sets.ts';
import { createWorld, sleep, type World } from './enforce-world.ts';

const { tv, ads, video } = names;
const { signal } = new AbortController();
const many = Array.from({ length: 60 }, (_, i) =>
  owner(
    `${i + 1000}`,
    [`192.168.1.${i + 40}`, `2001:db8:1::${(i + 64).toString(16)}`],
    [ads.v4, video.v6],
    [`02:00:00:00:00:${(i + 16).toString(16)}`],
  ),
);
const TV = owner('1', [tv.v4, tv.v6], [ads.v4, ads.v6], [tv.mac]);
const ALL = blockSet([TV, ...many]);
const FEWER = blockSet([TV, ...many.slice(20)]);

let world: World;
beforeAll(async () => {
  world = await createWorld();
});
afterAll(() => world.close());
const shell = (script: string): Promise<string> => world.run('router', 'sh', '-ec', script);

type Kind = 'ipset, legacy' | 'ipset, nft' | 'nftables';

function open(kind: Kind): Backend {
  const options = { exec: world.router, clock: systemClock, log: silentLog, wan: ['wan0'] };
  if (kind === 'nftables')
    return new Successor(new NftBackend({ ...options, why: 'a test' }), 'ipset', options);
  const iptables = new Iptables(world.router, kind === 'ipset, legacy' ? 'legacy' : 'nft');
  const backend = new IpsetBackend({ ...options, iptables, slots: createSlotMemory() });
  return new Successor(backend, 'nftables', options);
}

/** How another version might have blocked: sets of the same names made otherwise, other chains, the jump behind others. */
const OLDER_IPSET = (t: string): string => `
  for n in 4 6; do
    case $n in
      4) f=inet tool=${t} from=${tv.v4} to=${ads.v4};;
      6) f=inet6 tool=${t.replace('ip', 'ip6')} from=${tv.v6} to=${ads.v6};;
    esac
    ipset create hedge-L-$n hash:ip family $f maxelem 65536 counters; ipset add hedge-L-$n $from
    ipset create hedge-d0-$n hash:ip family $f comment; ipset add hedge-d0-$n $from
    ipset create hedge-r0-$n hash:ip family $f; ipset add hedge-r0-$n $to
    $tool -t mangle -N HEDGEROW; $tool -t mangle -N HR-Linear
    $tool -t mangle -A HEDGEROW -m set --match-set hedge-L-$n src -j HR-Linear
    $tool -t mangle -A HR-Linear -m set --match-set hedge-d0-$n src -m set --match-set hedge-r0-$n dst -j DROP
    $tool -t mangle -A FORWARD -p tcp; $tool -t mangle -A FORWARD -j HEDGEROW
  done`;
const OLDER_NFT = `
  nft 'table inet hedgerow {
    set p4 { type ipv4_addr . ipv4_addr; flags interval; elements = { ${tv.v4} . ${ads.v4} }; }
    set pairs6 { type ipv6_addr . ipv6_addr; elements = { ${tv.v6} . ${ads.v6} }; }
    chain linear { ip saddr . ip daddr @p4 drop; ip6 saddr . ip6 daddr @pairs6 drop; }
    chain at_hook { type filter hook forward priority -5; jump linear; }
  }'`;

/** Changes by others that leave the stream blocked: what is to be put right is elsewhere. */
const DRIFT: Record<Kind, string> = {
  'ipset, legacy': `iptables-legacy -t mangle -I FORWARD 1 -p tcp; ip6tables-legacy -t mangle -A HR-O -p tcp
    ipset flush hedge-E-4; ipset add hedge-U-4 198.51.100.1; ipset del hedge-R-6 ${video.v6}`,
  'ipset, nft': `iptables-nft -t mangle -I FORWARD 1 -p tcp; ip6tables-nft -t mangle -A HR-O -p tcp
    ipset flush hedge-E-4; ipset add hedge-U-4 198.51.100.1; ipset del hedge-R-6 ${video.v6}`,
  nftables: `nft insert rule inet hedgerow out4 tcp dport 1; nft add rule inet hedgerow on_forward tcp dport 1
    nft add element inet hedgerow u4 '{ 198.51.100.1 }'; nft add set inet hedgerow mine '{ type ipv4_addr; }'`,
};

/** What a device sends, packet by packet: two that are blocked and two that are not. */
const STREAMS = [
  [tv.v4, ads.v4],
  [tv.v6, ads.v6],
  [tv.v4, video.v4],
  [tv.v6, video.v6],
] as const;
/** Packets a second, half of them blocked. */
const RATE = 40_000;

/** Sends all streams until it is called off (trafgen(8): at this rate it costs next to nothing). */
async function send(): Promise<() => Promise<void>> {
  const packets = STREAMS.map(([source, target]) => {
    const [ip, hops] = source.includes(':') ? ['ipv6', 'hoplimit'] : ['ipv4', 'ttl'];
    const head = `eth(da=02:aa:00:00:00:01, sa=${tv.mac}), ${ip}(${hops}=64, sa=${source}, da=${target})`;
    return `{ ${head}, udp(sp=4000, dp=9000), fill(0x41, 8) }`;
  });
  const argv = `timeout 58 trafgen '${packets.join(' ')}' -o eth0 -P 1 -q -b ${RATE}pps`;
  const pid = await world.run('tv', 'sh', '-c', `${argv} >/dev/null 2>&1 & echo $!`);
  return async () => void (await world.run('tv', 'kill', pid.trim()));
}

/** Packets of each stream as they come to the router, and as they leave it. */
async function count(): Promise<() => Promise<{ came: number; left: number }[]>> {
  const rules = STREAMS.map(([source, target]) => {
    const ip = source.includes(':') ? 'ip6' : 'ip';
    return `${ip} saddr ${source} ${ip} daddr ${target} udp dport 9000 counter;`;
  }).join(' ');
  await shell(`nft 'table inet count {
    chain came { type filter hook prerouting priority -400; ${rules} }
    chain left { type filter hook postrouting priority 400; ${rules} }
  }'`);
  return async () => {
    const text = await shell('nft list table inet count; nft delete table inet count');
    const counted = [...text.matchAll(/counter packets (\d+)/g)].map(([, packets]) => Number(packets));
    return STREAMS.map((_, i) => ({ came: counted[i] ?? 0, left: counted[STREAMS.length + i] ?? 0 }));
  };
}

test.each<[Kind, string, Kind]>([
  ['ipset, legacy', OLDER_IPSET('iptables-legacy'), 'nftables'],
  ['ipset, nft', OLDER_IPSET('iptables-nft'), 'nftables'],
  ['nftables', OLDER_NFT, 'ipset, nft'],
])(
  '%s: nothing of a blocked stream passes and nothing of another is lost over an upgrade, restarts, repairs and a change of backend',
  async (kind, older, next) => {
    // What the one before has left, had it failed.
    await shell('ipset destroy; nft flush ruleset');
    await shell(older);
    const counted = await count();
    const opened: Backend[] = [];
    const fresh = (of: Kind): Backend => {
      const backend = open(of);
      opened.push(backend);
      return backend;
    };
    const halt = await send();
    try {
      await sleep(200);
      expect((await fresh(kind).set(ALL, signal)).did).toBe('resync');
      const backend = fresh(kind);
      expect((await backend.set(ALL, signal)).did).toBe('resync');
      await shell(DRIFT[kind]);
      expect(await backend.check(signal)).not.toEqual([]);
      expect((await backend.set(ALL, signal)).did).toBe('resync');
      expect(await backend.check(signal, true)).toEqual([]);
      expect((await backend.set(FEWER, signal)).did).toBe('update');
      expect((await fresh(next).set(ALL, signal)).did).toBe('resync');
    } finally {
      await halt();
      for (const backend of opened) await backend.stop();
    }
    await sleep(100);
    const [blocked4, blocked6, open4, open6] = await counted();
    expect(blocked4?.came).toBeGreaterThan(5_000);
    expect(blocked6?.came).toBeGreaterThan(5_000);
    expect([blocked4?.left, blocked6?.left]).toEqual([0, 0]);
    expect(open4?.came).toBeGreaterThan(5_000);
    expect(open6?.came).toBeGreaterThan(5_000);
    expect([open4?.left, open6?.left]).toEqual([open4?.came, open6?.came]);
    await opened.at(-1)?.clear(signal);
    await shell('for t in iptables-legacy ip6tables-legacy; do $t -t mangle -F FORWARD; done');
  },
);
