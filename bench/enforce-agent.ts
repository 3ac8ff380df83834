/** Changes through an agent's control socket until its kernel has them, with each backend. */
import { makeHome } from '../lab/home.ts';
import { raise } from '../lab/house-api.ts';
import { checkTopology, makeTopology } from '../lab/topology.ts';
import type { Context } from './bench.ts';
import { type Change, Commander } from './commander.ts';
import { withDisk } from './disk.ts';
import { type Figure, figure } from './figures.ts';
import { known } from './propagation.ts';

/** Milliseconds until the kernel had it, as the answer tells, and until the answer. */
export interface EnforceAgent {
  readonly backend: string;
  readonly detail: string;
  readonly series: readonly { readonly name: string; readonly kernel: Figure; readonly answer: Figure }[];
}

const ROUTER = 'attic';
const address = (n: number) => `198.18.${n >> 8}.${n & 255}`;

/** One router, its store on a disk: first blocks of new devices, then further ones of one of them. */
export async function throughAgent(
  backend: 'ipset' | 'nftables',
  { changes, devices }: Readonly<Record<'changes' | 'devices', number>>,
  { signal, tell }: Context,
): Promise<EnforceAgent> {
  return await withDisk(async (folder) => {
    const house = await raise(topologyOf(folder, backend, devices), {
      name: `bench-enforce-${process.pid}`,
      signal,
    });
    try {
      await makeHome(house, signal);
      await known(house, signal);
      const commander = await Commander.open(house, ROUTER, signal);
      const { enforcement } = await commander.call<{ enforcement: { backend: string; detail: string } }>(
        'status',
      );
      const series = new Map<string, Change[]>();
      const note = (name: string, change: Change) => series.set(name, [...(series.get(name) ?? []), change]);
      for (let n = 1; n <= devices; n++)
        note('first block of a device', await commander.block(`d${n}`, address(0)));
      for (let n = 1; n <= changes; n++) {
        note('further block', await commander.block('d1', address(n)));
        note('further unblock', await commander.unblock('d1', address(n)));
      }
      commander.close();
      tell(`${changes} changes through an agent with ${backend}`);
      return {
        backend: enforcement.backend,
        detail: enforcement.detail,
        series: [...series].map(([name, all]) => ({
          name,
          kernel: figure(all.map(({ everywhere }) => everywhere)),
          answer: figure(all.map(({ command }) => command)),
        })),
      };
    } finally {
      await house.down();
    }
  });
}

function topologyOf(folder: string, backend: string, devices: number) {
  const house = makeTopology(1);
  const more = Array.from({ length: devices }, (_, i) => ({
    name: `d${i + 1}`,
    router: ROUTER,
    bridge: 'br-lan',
    mac: `00:00:5e:00:53:${(0x80 + i).toString(16)}`,
    host: 0x80 + i,
  }));
  return checkTopology({
    ...house,
    routers: house.routers.map((router) => ({
      ...router,
      stateDir: `${folder}/${router.name}`,
      config: { enforce: { backend } },
    })),
    devices: [...house.devices, ...more],
  });
}
