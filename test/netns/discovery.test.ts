import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createExec } from '../../src/local/exec.ts';
import type { DiscoveryLine, DiscoveryTask } from './discovery-peer.ts';
import { Talking } from './talking.ts';

/**
 * attic and kitchen on one subnet, kitchen and garage on another; in attic's a neighbour's router with another home, and a
 * device. In namespaces of their own.
 */

const PREFIX = `hgmdns${process.pid}`;
const ROUTERS = ['attic', 'kitchen', 'garage', 'neighbour'] as const;
type Router = (typeof ROUTERS)[number];
const HOSTS = ['switch', 'device', ...ROUTERS] as const;
type Host = (typeof HOSTS)[number];
const SELF: Record<Router, string> = {
  attic: 'a1'.repeat(32),
  kitchen: 'b2'.repeat(32),
  garage: 'c3'.repeat(32),
  neighbour: 'd4'.repeat(32),
};
const HOME = '11'.repeat(32);
const OTHER_HOME = '22'.repeat(32);

const here = createExec();
const stopper = new AbortController();
const inside = (host: Host) => ['ip', 'netns', 'exec', `${PREFIX}-${host}`];
const script = (name: string) => join(import.meta.dirname, name);

async function run(host: Host, text: string): Promise<void> {
  const { code, stderr } = await createExec(inside(host)).run(['bash', '-ec', text], { timeoutMs: 20_000 });
  if (code !== 0) throw new Error(`${text}: ${stderr}`);
}

/** Plugs a host into a subnet. */
const plug = (host: Host, name: string, net: 1 | 2, last: number) =>
  run(
    'switch',
    `ip link add p${net}-${host} master br${net} type veth peer name ${name} netns ${PREFIX}-${host}
     ip link set p${net}-${host} up
     ip -n ${PREFIX}-${host} addr add 10.0.${net}.${last}/24 dev ${name}
     ip -n ${PREFIX}-${host} addr add fd00:${net}::${last}/64 dev ${name} nodad
     ip -n ${PREFIX}-${host} link set ${name} up`,
  );

const start = (router: Router, interfaces: readonly string[], psk = HOME) => {
  const task: DiscoveryTask = { self: SELF[router], psk, interfaces };
  return new Talking<DiscoveryLine>(inside(router), script('discovery-peer.ts'), task, stopper.signal);
};

const finds = (router: Router) => (line: DiscoveryLine) => 'found' in line && line.found === SELF[router];
const dialable = (net: number, last: number) => [
  `/ip4/10.0.${net}.${last}/tcp/4411`,
  `/ip6/fd00:${net}::${last}/tcp/4411`,
];
const whom = (lines: readonly DiscoveryLine[]) =>
  new Set(lines.flatMap((line) => ('found' in line ? [line.found] : [])));

beforeAll(async () => {
  for (const host of HOSTS) {
    await here.run(['ip', 'netns', 'add', `${PREFIX}-${host}`]);
    await run(
      host,
      `sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0; ip link set lo up`,
    );
  }
  await run(
    'switch',
    'for n in 1 2; do ip link add br$n type bridge mcast_snooping 0; ip link set br$n up; done',
  );
  await plug('attic', 'eth0', 1, 1);
  await plug('kitchen', 'eth0', 1, 2);
  await plug('kitchen', 'eth1', 2, 2);
  await plug('garage', 'eth0', 2, 3);
  await plug('neighbour', 'eth0', 1, 4);
  await plug('device', 'eth0', 1, 66);
});

afterAll(async () => {
  stopper.abort();
  for (const host of HOSTS) await here.run(['ip', 'netns', 'del', `${PREFIX}-${host}`]);
});

test('routers of one home find each other on their subnets, whatever a device there says, and find changed addresses', async () => {
  const device = new Talking(inside('device'), script('discovery-device.ts'), '10.0.1.66', stopper.signal);
  const neighbour = start('neighbour', ['eth0'], OTHER_HOME);
  const kitchen = start('kitchen', ['eth0', 'eth1']);
  const attic = start('attic', ['eth0']);
  const garage = start('garage', ['eth0']);

  for (const [who, whom, net, last] of [
    [attic, 'kitchen', 1, 2],
    [garage, 'kitchen', 2, 2],
    [kitchen, 'attic', 1, 1],
    [kitchen, 'garage', 2, 3],
  ] as const) {
    const found = await who.until(finds(whom));
    expect(found, whom).toMatchObject({ addresses: dialable(net, last) });
    if (who !== kitchen) expect('ms' in found && found.ms, whom).toBeLessThan(2_000);
  }

  const before = kitchen.lines.length;
  await run('attic', 'ip addr del 10.0.1.1/24 dev eth0; ip addr add 10.0.1.7/24 dev eth0');
  const moved = [`/ip4/10.0.1.7/tcp/4411`, `/ip6/fd00:1::1/tcp/4411`];
  await kitchen.until((line) => 'addresses' in line && line.addresses.join() === moved.join(), before);

  await run('switch', 'ip link del p2-garage');
  await plug('garage', 'eth0', 2, 9);
  await kitchen.until(
    (line) => 'addresses' in line && line.addresses.join() === dialable(2, 9).join(),
    before,
  );

  const said = await device.end();
  expect(said).toMatchObject({ sent: expect.any(Number) });
  expect((said as { sent: number }).sent).toBeGreaterThan(500);
  const [told, alone] = [await kitchen.end(), await neighbour.end()];
  await Promise.all([attic.end(), garage.end()]);
  expect(told).toMatchObject({ problems: [] });
  const { stats } = told as { stats: Record<string, number> };
  expect(stats['mdns.forged']).toBeGreaterThan(0);
  expect(stats['mdns.flooded']).toBeGreaterThan(100);
  expect(alone).toMatchObject({ problems: [] });

  expect(whom(attic.lines)).toEqual(new Set([SELF.kitchen]));
  expect(whom(garage.lines)).toEqual(new Set([SELF.kitchen]));
  expect(whom(kitchen.lines)).toEqual(new Set([SELF.attic, SELF.garage]));
  expect(whom(neighbour.lines)).toEqual(new Set());
  // Nothing that was found is anything but what somebody of the home has said.
  const honest = [
    dialable(1, 1),
    moved,
    dialable(2, 3),
    dialable(2, 9),
    [dialable(2, 9)[1] ?? ''],
    [moved[1] ?? ''],
  ];
  for (const line of kitchen.lines)
    if ('found' in line) expect(honest.map(String)).toContain(line.addresses.join());
});
