/** Homes larger than a house: topologies of many routers and of several subnets, and making one home of them quickly. */
import { ask, type Status } from './ask.ts';
import type { House } from './house-api.ts';
import { powerOn } from './power.ts';
import {
  checkTopology,
  type Device,
  deviceMac,
  OVERLAY_PORT,
  type Router,
  routerAddress,
  subnetsOf,
  type Topology,
  ZONE,
} from './topology.ts';
import { until } from './wait.ts';

/** Twenty agents on two cores take their time to begin anew in a home. */
const FOUND_MS = 240_000;

export interface CommunityOptions {
  /** How many routers have a device, counted from the first; by default the first alone. */
  readonly devices?: number;
  /**
   * Whether each router's config names the addresses of all the others (default), or none: then it knows what it was told
   * when it joined, and what it finds.
   */
  readonly bootstrap?: boolean;
  /** Listens on its addresses by number (default), or on all that it has: then they may change. */
  readonly wildcard?: boolean;
}

/** Routers r1, r2 … on the backbone; router rn has the device dn. No agent runs yet: {@link found} starts them. */
export function makeCommunity(count: number, options: CommunityOptions = {}): Topology {
  const names = Array.from({ length: count }, (_, i) => ({ name: `r${i + 1}`, subnets: [0] }));
  return community(names, options);
}

/**
 * Three subnets with a router each, a1, b1 and c1, and one router, mid, that has a leg in all of them; each has a device
 * (da, db, dc, dm). Nobody knows an address but of who let it in.
 */
export const threeSubnets = (): Topology =>
  community(
    [
      { name: 'mid', subnets: [1, 2, 3], device: 'dm' },
      { name: 'a1', subnets: [1], device: 'da' },
      { name: 'b1', subnets: [2], device: 'db' },
      { name: 'c1', subnets: [3], device: 'dc' },
    ],
    { devices: 4, bootstrap: false },
  );

interface Plan {
  readonly name: string;
  readonly subnets: readonly number[];
  readonly device?: string;
}

function community(plan: readonly Plan[], options: CommunityOptions): Topology {
  const { devices: owners = 1, bootstrap = true, wildcard = false } = options;
  const bare: Router[] = plan.map(({ name, subnets }, i) => ({
    name,
    number: i + 1,
    lans: [{ bridge: 'br-lan', number: i + 1 }],
    subnets,
  }));
  const listens = (router: Router) =>
    subnetsOf(router).map((subnet) => `/ip4/${routerAddress(router, subnet).ipv4}/tcp/${OVERLAY_PORT}`);
  const routers = bare.map((router) => ({
    ...router,
    config: {
      p2p: {
        listen: wildcard ? [`/ip4/0.0.0.0/tcp/${OVERLAY_PORT}`] : listens(router),
        bootstrap: bootstrap ? bare.filter((other) => other !== router).flatMap(listens) : [],
      },
      // A leg in another subnet is no LAN of this router.
      wan: { interfaces: subnetsOf(router).map((_, i) => `wan${i}`) },
    },
  }));
  const devices: Device[] = plan.slice(0, owners).map(({ name, device }, i) => ({
    name: device ?? `d${i + 1}`,
    router: name,
    bridge: 'br-lan',
    mac: deviceMac(i),
    host: 0x10 + i,
  }));
  return checkTopology({ routers, devices, zone: ZONE, ttl: 2, agents: false });
}

/** The names of the routers of a house. */
export const routersOf = (house: House): string[] => house.topology.routers.map(({ name }) => name);

/**
 * Starts all agents and makes one home of them, which the first router founds; returns when the founder and each of the
 * others hear of each other. Over the control sockets: a command line for each step of twenty routers would take longer than the steps.
 */
export async function found(house: House, signal?: AbortSignal): Promise<void> {
  const [founder, ...others] = routersOf(house);
  if (founder === undefined) return;
  await powerOn(house, [founder, ...others], signal ? { signal } : {});
  await ask(house, founder, 'home.create', { name: 'Elm Street', by: 'lab' });
  const bundles: string[] = [];
  for (const router of others) {
    const { peer } = await ask<Status & { peer: string }>(house, router, 'status');
    const member = { peer, name: router, by: 'lab' };
    bundles.push((await ask<{ bundle: string }>(house, founder, 'home.add', member)).bundle);
  }
  await Promise.all(others.map((router, i) => ask(house, router, 'home.join', { bundle: bundles[i] })));
  await Promise.all(
    others.map((router) =>
      allTogether(house, {
        among: [founder, router],
        timeoutMs: FOUND_MS,
        heard: true,
        ...(signal ? { signal } : {}),
      }),
    ),
  );
}

interface Waiting {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Those of whom only others hear count too: in a home of more than twelve not all are connected with each other. */
  readonly heard?: boolean;
}

/**
 * Waits until each of these routers sees all the others of the home alive.
 * @param among all routers by default
 */
export async function allTogether(
  house: House,
  { among = routersOf(house), ...waiting }: Waiting & { among?: readonly string[] } = {},
): Promise<void> {
  await Promise.all(among.map((router) => seesAll(house, router, among, waiting)));
}

/** Waits until one router sees all these others alive. */
export async function seesAll(
  house: House,
  router: string,
  among: readonly string[],
  { timeoutMs = 60_000, signal, heard = false }: Waiting = {},
): Promise<void> {
  const others = among.filter((other) => other !== router);
  await until(
    `${router} to see ${others.length} others alive`,
    async () => {
      const peers = new Map((await peersOf(house, router)).map((peer) => [peer.router, peer]));
      return others.every((other) => {
        const { state, heardBy } = peers.get(other) ?? {};
        return state === 'alive' || (heard && state === 'suspect' && heardBy !== undefined);
      });
    },
    { timeoutMs, everyMs: 100, ...(signal ? { signal } : {}) },
  );
}

/** How a router sees each of the others; nothing while its agent does not answer. */
export async function peerStates(house: House, router: string): Promise<Record<string, string>> {
  return Object.fromEntries((await peersOf(house, router)).map((peer) => [peer.router, peer.state]));
}

interface Seen {
  readonly router: string;
  readonly state: string;
  readonly heardBy?: string;
}

async function peersOf(house: House, router: string): Promise<readonly Seen[]> {
  try {
    return await ask<Seen[]>(house, router, 'peers');
  } catch {
    // It starts, or begins anew in another home.
    return [];
  }
}

/** Whether a router's kernel has something in its sets that names this address. */
export async function inKernel(house: House, router: string, address: string): Promise<boolean> {
  const { stdout } = await house.exec(router, ['sh', '-c', `ipset save; nft list ruleset`]);
  return stdout.includes(address);
}
