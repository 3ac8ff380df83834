/**
 * The house as data: routers, devices, and the names of the small internet. Tests make their own; this file has the
 * house of the demo and a generator for larger ones. Addresses follow from numbers, so that a reader can tell
 * where a packet comes from: router n is 198.51.100.(10+n) on the backbone and 10.0.s.(10+n) in subnet s, its LAN m is
 * 192.168.m.0/24 and 2001:db8:m::/64.
 */
import { LabError } from './error.ts';

/** One bridge of a router with its devices behind it. */
export interface Lan {
  readonly bridge: string;
  /** 1 to 199; unique in the house, because it makes the prefixes. */
  readonly number: number;
}

export interface Router {
  readonly name: string;
  /** 1 to 99; unique in the house. */
  readonly number: number;
  /** The first one is where `move` plugs a device in. */
  readonly lans: readonly Lan[];
  /**
   * The subnets in which it has a leg (wan0, wan1 …), 0 to 9; 0 is the backbone, where every router is by default. Its
   * default route is in the first.
   */
  readonly subnets?: readonly number[];
  /** Merged over the agent's config that the lab writes: objects by key, anything else replaced. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Directory of the agent's store on a real disk; without it, it lives and dies with the house. */
  readonly stateDir?: string;
}

export interface Device {
  readonly name: string;
  readonly router: string;
  readonly bridge: string;
  /** Kept on every move. */
  readonly mac: string;
  /** Host part of its IPv6 address in every LAN, 2 to 65535. */
  readonly host: number;
}

export interface Topology {
  readonly routers: readonly Router[];
  readonly devices: readonly Device[];
  /** DNS names of the internet and their addresses; each address is a server for HTTP and echo. */
  readonly zone: Readonly<Record<string, readonly string[]>>;
  /** Time to live of every DNS answer, in seconds. */
  readonly ttl: number;
  /** Whether each router runs an agent; without, the house is a network only. */
  readonly agents: boolean;
}

export const NET = 'net';

/** The port of the overlay on every router. */
export const OVERLAY_PORT = 4411;

export const subnetsOf = (router: Router): readonly number[] => router.subnets ?? [0];

/** The letter f in the IPv6 prefix of a subnet keeps it apart from those of LANs, which are decimal. */
export const subnetPrefix = (subnet: number) =>
  subnet === 0
    ? { ipv4: '198.51.100', ipv6: '2001:db8:ff:' }
    : { ipv4: `10.0.${subnet}`, ipv6: `2001:db8:f${subnet}:` };

/** The addresses of a router in one of its subnets, the first by default. */
export const routerAddress = (router: Router, subnet = subnetsOf(router)[0] ?? 0) => ({
  ipv4: `${subnetPrefix(subnet).ipv4}.${10 + router.number}`,
  ipv6: `${subnetPrefix(subnet).ipv6}:${10 + router.number}`,
});

/** The bridge of a subnet, in net. */
export const subnetBridge = (subnet: number) => (subnet === 0 ? 'backbone' : `subnet${subnet}`);

/** Net's end of a router's cable in a subnet; the router's own end is wan0, wan1 … in the order of its subnets. */
export const legOf = (router: Pick<Router, 'name'>, subnet: number) =>
  `leg${subnet === 0 ? '' : subnet}-${router.name}`;

/** Every subnet in which there is a router, and the backbone, where the internet's names are served. */
export const allSubnets = ({ routers }: Pick<Topology, 'routers'>): readonly number[] =>
  [...new Set([0, ...routers.flatMap(subnetsOf)])].sort((a, b) => a - b);

/** The decimal number of a LAN stands in its IPv6 prefix as it is read. */
export const lanPrefix = (lan: Lan) => ({ ipv4: `192.168.${lan.number}`, ipv6: `2001:db8:${lan.number}:` });

/** The names of the small internet. */
export const ZONE = {
  'video.example': ['203.0.113.10', '2001:db8:cb00::10'],
  'ads.example': ['203.0.113.20', '2001:db8:cb00::20'],
  'tracker.example': ['203.0.113.30', '2001:db8:cb00::30'],
  'shared-a.example': ['203.0.113.40', '2001:db8:cb00::40'],
  'shared-b.example': ['203.0.113.40', '2001:db8:cb00::40'],
  'rotating.example': [
    '203.0.113.51',
    '203.0.113.52',
    '203.0.113.53',
    '2001:db8:cb00::51',
    '2001:db8:cb00::52',
  ],
};

const HOUSE = [
  { router: 'attic', devices: ['tv', 'console'], guests: ['guest'] },
  { router: 'kitchen', devices: ['phone', 'camera'], guests: [] },
  { router: 'garage', devices: ['laptop', 'printer'], guests: [] },
];

/** Devices have addresses of the documentation range (RFC 7042, 2.1.2): globally unique ones, not randomised ones. */
export const deviceMac = (index: number) => `00:00:5e:00:53:${(index + 1).toString(16).padStart(2, '0')}`;

/**
 * A house of `count` routers, 1 to 99: attic, kitchen, garage with the devices of the demo, then router4, router5 … with
 * two devices each.
 */
export function makeTopology(count = 3, options: Partial<Pick<Topology, 'agents' | 'ttl'>> = {}): Topology {
  if (!Number.isInteger(count) || count < 1 || count > 99) {
    throw new LabError(`a house has 1 to 99 routers, not ${count}`);
  }
  const plan = Array.from(
    { length: count },
    (_, i) => HOUSE[i] ?? { router: `router${i + 1}`, devices: [`a${i + 1}`, `b${i + 1}`], guests: [] },
  );
  const routers = plan.map(({ router, guests }, i) => ({
    name: router,
    number: i + 1,
    lans: [
      { bridge: 'br-lan', number: i + 1 },
      ...(guests.length > 0 ? [{ bridge: 'br-guest', number: 101 + i }] : []),
    ],
  }));
  const devices = plan
    .flatMap(({ router, devices, guests }) => [
      ...devices.map((name) => ({ name, router, bridge: 'br-lan' })),
      ...guests.map((name) => ({ name, router, bridge: 'br-guest' })),
    ])
    .map((device, i) => ({ ...device, mac: deviceMac(i), host: 0x10 + i }));
  return checkTopology({ routers, devices, zone: ZONE, ttl: 2, agents: true, ...options });
}

/** Returns the topology as it is, or throws a {@link LabError} that names what cannot be built. */
export function checkTopology(topology: Topology): Topology {
  const { routers, devices } = topology;
  const lans = routers.flatMap((router) => router.lans);
  const problem =
    [...routers, ...devices]
      .filter(({ name }) => !/^[a-z][a-z0-9]{0,9}$/.test(name) || name === NET)
      .map(({ name }) => `the name ${name}: want up to 10 small letters and digits, and not ${NET}`)[0] ??
    repeated([...routers, ...devices].map(({ name }) => `the name ${name}`)) ??
    repeated(routers.map(({ number }) => `the router number ${number}`)) ??
    repeated(lans.map(({ number }) => `the LAN number ${number}`)) ??
    repeated(devices.map(({ mac }) => `the MAC ${mac}`)) ??
    repeated(devices.map(({ host }) => `the host part ${host}`)) ??
    routers
      .filter(({ number, lans }) => number < 1 || number > 99 || lans.length === 0)
      .map(({ name }) => `the router ${name}: want a number of 1 to 99 and at least one LAN`)[0] ??
    routers
      .filter((router) => !areSubnets(subnetsOf(router)))
      .map(({ name }) => `the router ${name}: want one subnet or more, each 0 to 9 and once`)[0] ??
    lans
      .filter(({ number, bridge }) => number < 1 || number > 199 || !/^br-[a-z0-9]{1,10}$/.test(bridge))
      .map(({ number, bridge }) => `the LAN ${number} on ${bridge}: want 1 to 199 on br-…`)[0] ??
    devices
      .filter((device) => !findLan(topology, device))
      .map(({ name, router, bridge }) => `the device ${name}: ${router} has no ${bridge}`)[0];
  if (problem) throw new LabError(`this house cannot be built: ${problem}`);
  return topology;
}

/** The LAN that a device is plugged into. */
export const findLan = (topology: Topology, at: Pick<Device, 'router' | 'bridge'>): Lan | undefined =>
  topology.routers.find(({ name }) => name === at.router)?.lans.find(({ bridge }) => bridge === at.bridge);

const areSubnets = (subnets: readonly number[]) =>
  subnets.length > 0 &&
  new Set(subnets).size === subnets.length &&
  subnets.every((subnet) => Number.isInteger(subnet) && subnet >= 0 && subnet <= 9);

function repeated(names: readonly string[]): string | undefined {
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  return twice && `${twice} is there twice`;
}
