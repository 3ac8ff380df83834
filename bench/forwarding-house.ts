/** A house without agents whose routers do nothing but forward, a device behind each, and what it can be told to send. */
import { cpus } from 'node:os';
import { LabError } from '../lab/error.ts';
import type { House } from '../lab/house-api.ts';
import { checkTopology, legOf, NET, routerAddress, type Topology, ZONE } from '../lab/topology.ts';
import type { Family } from '../src/policy/address.ts';
import { FREE, PLAIN, place, remoteAddresses, WIDE } from './enforce-sets.ts';
import { DISCARD, flooding } from './forwarding-rate.ts';
import type { Stream } from './forwarding-turns.ts';

/** The control, the control of the control, and those with something in the kernel. */
export const ROUTERS = ['bare', 'bare2', 'ipset', 'ipsetnft', 'nftables', 'spin'] as const;
export type RouterName = (typeof ROUTERS)[number];

/** Who sends: a device of which addresses are blocked, or one of those that have it harder. */
export type Sender = 'owner' | 'excepted' | 'listed' | 'unknown';

export interface Sends {
  readonly family: Family;
  readonly protocol: 'udp' | 'tcp';
  readonly sender: Sender;
}

export const lanOf = (router: RouterName): number => ROUTERS.indexOf(router) + 1;
const deviceOf = (router: RouterName) => `at${lanOf(router)}`;
const SERVER_PORT = 5200;
/** Who measures comes before who receives, and that before who sends. */
const PRIORITIES = { send: 10, receive: 11, measure: 12 } as const;

/** Device 0 of the block sets (place) is behind each router. */
export const topology = (): Topology =>
  checkTopology({
    routers: ROUTERS.map((name) => ({
      name,
      number: lanOf(name),
      lans: [{ bridge: 'br-lan', number: lanOf(name) }],
    })),
    devices: ROUTERS.map((router) => ({
      name: deviceOf(router),
      router,
      bridge: 'br-lan',
      mac: place(lanOf(router), 0).mac,
      host: 0x100 + lanOf(router),
    })),
    zone: ZONE,
    ttl: 2,
    agents: false,
  });

/** The house's network without a rule anywhere: no NAT, nothing tracked; net drops what it is flooded with as it comes in. */
export async function prepare(house: House, signal: AbortSignal): Promise<void> {
  const { routers } = house.topology;
  for (const { name } of [...routers, { name: NET }])
    await house.must(name, ['nft', 'flush', 'ruleset'], { signal });
  const legs = routers.map((router) => legOf(router, 0)).join(', ');
  const sink = `table netdev bench {
  chain sink {
    type filter hook ingress devices = { ${legs} } priority 0;
    udp dport ${DISCARD} drop
  }
}
`;
  await house.must(NET, ['nft', '-f', '-'], { input: sink, signal });
  for (const router of routers) {
    const number = router.number;
    const { ipv4 } = routerAddress(router);
    await house.must(NET, ['ip', 'route', 'add', `192.168.${number}.0/24`, 'via', ipv4], { signal });
    const own = place(number, 0);
    for (const address of [`${own.ipv4}/24`, `${own.ipv6}/64`])
      await house.must(`at${number}`, ['ip', 'addr', 'add', address, 'dev', 'eth0', ...nodad(address)], {
        signal,
      });
  }
}

const nodad = (address: string) => (address.includes(':') ? ['nodad'] : []);

/** As a real-time process (sched(7)), where that is allowed: nobody else's work is between two packets then. */
export async function urgent(house: House, who: keyof typeof PRIORITIES): Promise<string[]> {
  const fifo = ['chrt', '-f', `${PRIORITIES[who]}`];
  const { code } = await house.exec(NET, [...fifo, 'true']);
  return code === 0 ? fifo : [];
}

/** A core for who sends, with all that the kernel does for a packet until it has arrived, and another for who receives, if there is one. */
const onCore = (core: number): string[] => ['taskset', '-c', `${Math.min(core, cpus().length - 1)}`];

/** What the device behind a router sends. */
export async function streamOf(house: House, router: RouterName, sends: Sends): Promise<Stream> {
  const device = deviceOf(router);
  const base = { device, router };
  const first = [...onCore(0), ...(await urgent(house, 'send'))];
  const number = lanOf(router);
  const { mac, ipv4, ipv6, to4, to6 } = flowOf(number, sends.sender);
  const [from, to] = sends.family === 4 ? [ipv4, to4] : [ipv6, to6];
  if (sends.protocol === 'tcp') {
    const port = SERVER_PORT + number;
    const urgently = [...onCore(1), ...(await urgent(house, 'receive'))];
    // BBR sends at the rate that it believes in, and not at what the processor allows.
    const sending = ['-c', to, '-B', from, '-C', 'cubic', '-t', '600'];
    return {
      ...base,
      unit: 'bytes',
      argv: [...first, 'iperf3', '-p', `${port}`, ...sending],
      server: { argv: [...urgently, 'iperf3', '-s', '-p', `${port}`], port },
    };
  }
  const gateway = (await house.must(router, ['cat', '/sys/class/net/br-lan/address'])).trim();
  return {
    ...base,
    unit: 'packets',
    argv: [...first, ...flooding({ gateway, mac, from, to, sport: '4000' })],
  };
}

/** A hundred packets of what is blocked, and of whatever a router says of itself meanwhile less than this. */
const [SENT, PASSING] = [100, 20];

/**
 * Whether what stands in a router's kernel blocks at all.
 * @throws LabError when packets of a blocked pair arrive: the bench would measure something else than it says
 */
export async function mustBlock(house: House, router: RouterName, signal: AbortSignal): Promise<void> {
  const number = lanOf(router);
  const arrived = async () =>
    Number(await house.must(NET, ['cat', `/sys/class/net/leg-${router}/statistics/rx_packets`]));
  const gateway = (await house.must(router, ['cat', '/sys/class/net/br-lan/address'])).trim();
  const { mac, ipv4, ipv6 } = place(number, 0);
  const [to4, to6] = remoteAddresses(0, 0);
  for (const [from, to] of [
    [ipv4, to4],
    [ipv6, to6],
  ] as const) {
    const before = await arrived();
    const argv = [...flooding({ gateway, mac, from, to, sport: '4000' }), '-n', `${SENT}`];
    await house.must(deviceOf(router), argv, { signal });
    const passed = (await arrived()) - before;
    if (passed >= PASSING) throw new LabError(`${router}: ${passed} of ${SENT} packets to ${to} passed`);
  }
}

/** Frames and packets can have any sender: the router's bridge takes them all from this cable. */
function flowOf(number: number, sender: Sender) {
  const [free, plain] = [FREE, PLAIN].map(({ ipv4: to4, ipv6: to6 }) => ({ to4, to6 })) as [To, To];
  if (sender === 'excepted') return { ...place(number, WIDE.excepted), ...free };
  if (sender === 'listed') return { ...place(number, WIDE.listed), ...plain };
  if (sender === 'owner') return { ...place(number, 0), ...free };
  return {
    mac: place(number, 0).mac,
    ipv4: `192.168.${number}.240`,
    ipv6: `2001:db8:${number}::a:f0`,
    ...free,
  };
}

interface To {
  readonly to4: string;
  readonly to6: string;
}
