import { ask } from '../../lab/ask.ts';
import { makeHome } from '../../lab/home.ts';
import { type House, raise } from '../../lab/house-api.ts';
import { paths } from '../../lab/paths.ts';
import { makeTopology, type Topology } from '../../lab/topology.ts';
import { until } from '../../lab/wait.ts';

/** Raises a house in which the agents are one home. */
export async function raiseHome(name: string, topology: Topology = makeTopology(3)): Promise<House> {
  const house = await raise(topology, { name: `${name}-${process.pid}` });
  try {
    await makeHome(house);
    await known(house);
    return house;
  } catch (error) {
    await house.down();
    throw error;
  }
}

/** Waits until every device is known by its name on its own router. */
async function known(house: House): Promise<void> {
  for (const { name, router } of house.topology.devices) {
    await until(`${router} to know ${name}`, async () => {
      await house.exec(name, ['ping', '-c', '1', '-W', '1', '203.0.113.10']);
      const devices = await ask<{ names: string[] }[]>(house, router, 'devices');
      return devices.some(({ names }) => names.includes(name));
    });
  }
}

export interface Change {
  readonly changed: boolean;
  readonly enforced: boolean;
  readonly policies: readonly { id: string }[];
  readonly routers: readonly { router: string; applied: boolean; ms: number }[];
  readonly alsoAffects: readonly string[];
}

export function block(house: House, router: string, first: string, second?: string): Promise<Change> {
  return ask<Change>(house, router, 'block', {
    first,
    by: 'test',
    ...(second === undefined ? {} : { second }),
  });
}

export function unblock(house: House, router: string, first: string, second?: string): Promise<Change> {
  return ask<Change>(house, router, 'unblock', {
    first,
    by: 'test',
    ...(second === undefined ? {} : { second }),
  });
}

export async function digests(house: House): Promise<string[]> {
  const names = house.topology.routers.map(({ name }) => name);
  return Promise.all(
    names.map(async (name) => (await ask<{ digest: string }>(house, name, 'status')).digest),
  );
}

/** Every way in which a device can reach a server: `tcp4`, `tcp6`, `udp4` … of those that answer within a second. */
export async function ways(house: House, device: string, domain: string): Promise<string[]> {
  const [v4 = '', v6 = ''] = house.topology.zone[domain] ?? [];
  const udp = (family: number, address: string) =>
    `(echo x | socat -T 1 - UDP${family}:${address.includes(':') ? `[${address}]` : address}:7 | grep -q x && echo udp${family}) &`;
  const script = `
    (curl -s -m 1 -o /dev/null http://${v4}/ && echo tcp4) &
    (curl -s -m 1 -o /dev/null 'http://[${v6}]/' && echo tcp6) &
    (ping -c 1 -W 1 ${v4} >/dev/null && echo icmp4) &
    (ping -c 1 -W 1 ${v6} >/dev/null && echo icmp6) &
    ${udp(4, v4)}
    ${udp(6, v6)}
    wait`;
  const { stdout } = await house.exec(device, ['bash', '-c', script]);
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .sort();
}

export const EVERY_WAY = ['icmp4', 'icmp6', 'tcp4', 'tcp6', 'udp4', 'udp6'];

/** Sends datagrams from a device until stopped; answers how to stop. */
export async function stream(
  house: House,
  device: string,
  perSecond: number,
  targets: readonly string[],
): Promise<() => Promise<{ sent: number }[]>> {
  const running = house.spawn(device, [paths.node, paths.datagrams, `${perSecond}`, '120', ...targets]);
  await until('the stream to run', async () => {
    const { stdout } = await house.exec(device, ['bash', '-c', 'ss -Hnu state established | wc -l']);
    return Number(stdout) >= targets.length;
  });
  return async () => {
    const { stdout } = await running.stop();
    return JSON.parse(stdout.trim().split('\n').at(-1) ?? '[]') as { sent: number }[];
  };
}
