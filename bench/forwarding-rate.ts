/** Packets that a device sends as fast as asked, and how many of them a second a router forwards. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { House } from '../lab/house-api.ts';
import type { Running } from '../lab/run.ts';
import { NET } from '../lab/topology.ts';

/** What floods, and what it is sent through. */
export interface Flood {
  readonly device: string;
  readonly router: string;
  readonly bridge: string;
  /** A server at net; nobody listens on the port. */
  readonly to: string;
}

/** Discard (RFC 863). */
export const DISCARD = 9;
const WARM_UP_S = 1;
const GENERATOR_S = 60;

/** One flow of UDP packets of 106 bytes, as fast as one core makes them; counted where they leave the router. */
export async function forwardedRate(
  house: House,
  flood: Flood,
  seconds: number,
  signal: AbortSignal,
): Promise<number> {
  const generator = await trafgen(house, flood, '4000', []);
  try {
    await sleep(WARM_UP_S * 1000, undefined, { signal });
    const [begun, before] = [performance.now(), await arrived(house, flood.router)];
    await sleep(seconds * 1000, undefined, { signal });
    const after = await arrived(house, flood.router);
    return ((after - before) / (performance.now() - begun)) * 1000;
  } finally {
    await generator.stop();
  }
}

/** So many packets, each from the next source port, and so a connection of its own; answers how many went out. */
export async function floodOf(
  house: House,
  flood: Flood,
  {
    sourcePorts: [first, last],
    perSecond,
    count,
  }: {
    readonly sourcePorts: readonly [number, number];
    readonly perSecond: number;
    readonly count: number;
  },
): Promise<number> {
  if (count > last - first) throw new RangeError(`${count} connections do not fit into the ports`);
  const generator = await trafgen(house, flood, `dinc(${first}, ${last})`, [
    '-n',
    `${count}`,
    '-b',
    `${perSecond}pps`,
  ]);
  const { code, stderr } = await generator.done;
  if (code !== 0) throw new RangeError(`trafgen: ${stderr}`);
  return count;
}

/**
 * The command that sends UDP packets of 106 bytes (IPv6: 126) out of a device as fast as one core makes them.
 * @param sport a port, or what trafgen(8) counts there
 */
export function flooding({
  gateway,
  mac,
  from,
  to,
  sport,
}: Readonly<Record<'gateway' | 'mac' | 'from' | 'to' | 'sport', string>>): string[] {
  // trafgen fills in the type of the frame for IPv4 alone.
  const [type, ip] = to.includes(':')
    ? ['0x86dd', `ipv6(hl=64, sa=${from}, da=${to})`]
    : ['0x0800', `ipv4(ttl=64, sa=${from}, da=${to})`];
  const frame = `eth(da=${gateway}, sa=${mac}, type=${type})`;
  const packet = `{ ${frame}, ${ip}, udp(sp=${sport}, dp=${DISCARD}), fill(0x41, 64) }`;
  return ['trafgen', packet, '-o', 'eth0', '-P', '1', '-q'];
}

async function trafgen(
  house: House,
  flood: Flood,
  sport: string,
  options: readonly string[],
): Promise<Running> {
  const { device, router, bridge, to } = flood;
  const gateway = (await house.must(router, ['cat', `/sys/class/net/${bridge}/address`])).trim();
  const { mac } = house.device(device);
  const { ipv4 } = await house.addresses(device);
  const sender = flooding({ gateway, mac, from: ipv4 ?? '', to, sport });
  const argv = ['timeout', `${GENERATOR_S}`, ...sender, ...options];
  const generator = house.spawn(device, argv);
  generator.stdout.resume();
  return generator;
}

async function arrived(house: House, router: string): Promise<number> {
  return Number(await house.must(NET, ['cat', `/sys/class/net/leg-${router}/statistics/rx_packets`]));
}
