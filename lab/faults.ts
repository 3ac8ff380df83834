/** What can go wrong between routers, and with the address of one. What goes wrong with its power is in power.ts. */
import type { House } from './house-api.ts';
import { cutWays } from './internet.ts';
import { subnetPrefix, subnetsOf } from './topology.ts';

/** Which frames of a router are lost on their way: all, those that it sends, or those that it should receive. */
export type Cut = 'both' | 'out' | 'in';

/** Silently cuts a router from all the others. Its link stays up, and so does its way to the internet; `heal` undoes it. */
export async function isolate(house: House, router: string, cut: Cut = 'both'): Promise<void> {
  await separate(house, [router], cut);
}

/** Silently cuts these routers from all the others, and not from each other. */
export async function separate(house: House, side: readonly string[], cut: Cut = 'both'): Promise<void> {
  const rest = house.topology.routers.map(({ name }) => name).filter((name) => !side.includes(name));
  const pairs = side.flatMap((one) => rest.map((other) => ({ one, other })));
  const out = pairs.map(({ one, other }) => [one, other] as const);
  const back = pairs.map(({ one, other }) => [other, one] as const);
  await cutWays(house, [...(cut === 'in' ? [] : out), ...(cut === 'out' ? [] : back)]);
}

/**
 * Gives a router another IPv4 address in its first subnet, in place of the one that it has there.
 * @param host the last number of the address, 110 to 254, so that it is no other router's
 */
export async function readdress(house: House, router: string, host: number): Promise<string> {
  const [subnet = 0] = subnetsOf(house.router(router));
  const { ipv4 } = subnetPrefix(subnet);
  const address = `${ipv4}.${host}`;
  const batch = `addr flush dev wan0 scope global to ${ipv4}.0/24
addr add ${address}/24 dev wan0
route replace default via ${ipv4}.1`;
  await house.must(router, ['ip', '-4', '-batch', '-'], { input: batch });
  return address;
}
