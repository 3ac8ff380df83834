import { ask } from '../../lab/ask.ts';
import { found, inKernel, routersOf } from '../../lab/community.ts';
import { type House, raise } from '../../lab/house-api.ts';
import type { Topology } from '../../lab/topology.ts';
import { timeUntil } from '../../lab/wait.ts';

/** Raises a house whose routers are one home; `before` is done to the bare network. */
export async function raiseCommunity(
  name: string,
  topology: Topology,
  before: (house: House) => Promise<void> = async () => {},
): Promise<House> {
  const house = await raise(topology, { name: `${name}-${process.pid}` });
  try {
    await before(house);
    await found(house);
    return house;
  } catch (error) {
    await house.down();
    throw error;
  }
}

/** Blocks the first device of the house from an address; who makes it waits for nobody. */
export async function block(house: House, router: string, address: string): Promise<void> {
  const first = house.topology.devices[0]?.mac;
  await ask(house, router, 'block', { first, second: address, by: 'test', wait: false });
}

/** The milliseconds until each of these routers has the address in its kernel; undefined when that takes too long. */
export async function inKernels(
  house: House,
  address: string,
  routers: readonly string[] = routersOf(house),
  timeoutMs = 30_000,
): Promise<number | undefined> {
  const all = async () =>
    (await Promise.all(routers.map((router) => inKernel(house, router, address)))).every((held) => held);
  return await timeUntil(all, { timeoutMs, everyMs: 100 });
}
