/** What stands in a router's kernel while packets are sent through it: ours, and the shape of SPIN's rules for comparison. */
import type { House } from '../lab/house-api.ts';
import { enter } from '../lab/sandbox.ts';
import { systemClock } from '../src/clock.ts';
import type { Backend } from '../src/local/enforce/backend.ts';
import { IpsetBackend } from '../src/local/enforce/ipset-backend.ts';
import { Iptables } from '../src/local/enforce/iptables.ts';
import { NftBackend } from '../src/local/enforce/nft/nft-backend.ts';
import { createSlotMemory } from '../src/local/enforce/slots.ts';
import { createExec, type Exec } from '../src/local/exec.ts';
import { silentLog } from '../src/log.ts';
import type { BlockSet } from '../src/policy/block-set.ts';

export type Kind = 'ipset' | 'ipset-nft' | 'nftables';
const WAN = ['wan0'];

/** Runs commands on a router of a house, with the tools that are in sbin. */
export function execOn(house: House, router: string): Exec {
  const path = `PATH=${process.env.PATH}:/usr/local/sbin:/usr/sbin:/sbin`;
  return createExec(enter(house.sandbox, ['env', path], router));
}

/** One of the backends; `ipset` is with iptables-legacy, `ipset-nft` with iptables-nft. */
export function backendOn(kind: Kind, exec: Exec): Backend {
  const common = { exec, clock: systemClock, log: silentLog, wan: WAN };
  if (kind === 'nftables') return new NftBackend({ ...common, why: 'a bench' });
  const iptables = new Iptables(exec, kind === 'ipset' ? 'legacy' : 'nft');
  return new IpsetBackend({ ...common, iptables, slots: createSlotMemory() });
}

/**
 * The pairs of a block set in the shape that SPIN gives them: two sets per node, one for each family, and for each pair
 * of nodes four rules, one after the other in one chain. `perRemote` addresses of an owner are one node.
 */
export function spinShape(
  set: BlockSet,
  perRemote: number,
): { readonly sets: string; readonly v4: string; readonly v6: string } {
  const sets: string[] = [];
  const rules: Record<4 | 6, string[]> = { 4: [], 6: [] };
  const node = (name: string, addresses: readonly string[]) => {
    for (const family of [4, 6] as const) {
      sets.push(`create ${name}v${family} hash:ip family ${family === 4 ? 'inet' : 'inet6'} maxelem 65536`);
      for (const address of addresses)
        if (address.includes(':') === (family === 6)) sets.push(`add ${name}v${family} ${address}`);
    }
  };
  let nodes = 0;
  for (const { addresses, remotes } of set.owners.values()) {
    nodes += 1;
    const device = `N${nodes}`;
    node(device, [...addresses]);
    const far = [...remotes.keys()];
    for (let at = 0; at < far.length; at += 2 * perRemote) {
      nodes += 1;
      const remote = `N${nodes}`;
      node(remote, far.slice(at, at + 2 * perRemote));
      for (const family of [4, 6] as const)
        for (const [from, to] of [
          [device, remote],
          [remote, device],
        ])
          rules[family].push(
            `-A Blocked -m set --match-set ${from}v${family} src -m set --match-set ${to}v${family} dst -j DROP`,
          );
    }
  }
  const text = (family: 4 | 6) =>
    ['*filter', ':Blocked - [0:0]', '-A FORWARD -j Blocked', ...rules[family], 'COMMIT', ''].join('\n');
  return { sets: `${sets.join('\n')}\n`, v4: text(4), v6: text(6) };
}

/** Puts the shape of SPIN in force in place of what stands there. */
export async function putSpin(
  house: House,
  router: string,
  shape: ReturnType<typeof spinShape>,
  signal: AbortSignal,
): Promise<void> {
  const timeoutMs = 120_000;
  for (const [argv, input] of [
    [['iptables-legacy-restore'], '*filter\nCOMMIT\n'],
    [['ip6tables-legacy-restore'], '*filter\nCOMMIT\n'],
    [['ipset', 'destroy'], ''],
    [['ipset', 'restore'], shape.sets],
    [['iptables-legacy-restore'], shape.v4],
    [['ip6tables-legacy-restore'], shape.v6],
  ] as const)
    await house.must(router, argv, { input, timeoutMs, signal });
}
