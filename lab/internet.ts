/** What can be done to the small internet of a house: cuts and loss on its backbone, its names and servers, its counters. */
import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { LabError, USAGE } from './error.ts';
import type { Inside } from './inside.ts';
import { hostDir, serverAddresses, setZoneFile } from './network.ts';
import { allSubnets, legOf, NET, subnetBridge, subnetsOf } from './topology.ts';
import { until } from './wait.ts';

/** Silently drops everything between two routers, or between a router and net, in both directions. */
export async function cut(house: Inside, a: string, b: string): Promise<void> {
  const [one, other] = a === NET ? [b, a] : [a, b];
  if (other !== NET)
    return await cutWays(house, [
      [one, other],
      [other, one],
    ]);
  const router = house.router(one);
  const legs = subnetsOf(router).map((subnet) => legOf(router, subnet));
  await house.must(NET, ['nft', `add element bridge lab away { ${legs.join(', ')} }`]);
}

/** Silently drops what goes from the first of two routers to the second, inside each subnet that both are in. */
export async function cutWays(
  house: Inside,
  ways: readonly (readonly [from: string, to: string])[],
): Promise<void> {
  const legs = ways.flatMap(([from, to]) => {
    const [sender, receiver] = [house.router(from), house.router(to)];
    const shared = subnetsOf(sender).filter((subnet) => subnetsOf(receiver).includes(subnet));
    return shared.map((subnet) => `${legOf(sender, subnet)} . ${legOf(receiver, subnet)}`);
  });
  if (legs.length > 0) await house.must(NET, ['nft', `add element bridge lab cut { ${legs.join(', ')} }`]);
}

/** Undoes every cut. */
export async function heal(house: Inside): Promise<void> {
  await house.must(NET, ['nft', 'flush set bridge lab cut; flush set bridge lab away']);
}

/** Whether net forwards between the subnets, which it does at first; it always forwards between them and the servers. */
export async function routed(house: Inside, on: boolean): Promise<void> {
  const bridges = allSubnets(house.topology).map(subnetBridge);
  const walls = bridges.flatMap((from) => bridges.flatMap((to) => (from === to ? [] : `${from} . ${to}`)));
  const wall = on || walls.length === 0 ? '' : `; add element inet lab walls { ${walls.join(', ')} }`;
  await house.must(NET, ['nft', `flush set inet lab walls${wall}`]);
}

/** Drops so many of a hundred frames between routers, by chance; 0 is none. */
export async function loss(house: Inside, percent: number): Promise<void> {
  if (!Number.isInteger(percent) || percent < 0 || percent > 100) {
    throw new LabError(`loss is a whole number of 0 to 100, not ${percent}`, { code: USAGE });
  }
  const rule = percent > 0 ? `; add rule bridge lab loss numgen random mod 100 < ${percent} drop` : '';
  await house.must(NET, ['nft', `flush chain bridge lab loss${rule}`]);
}

/** A DNS name has these addresses from now on, and each of them is a server. The caches of net and routers are emptied. */
export async function setZone(house: Inside, name: string, addresses: readonly string[]): Promise<void> {
  const topology = { ...house.topology, zone: { ...house.topology.zone, [name]: addresses } };
  await house.save(topology);
  await house.must(NET, ['bash', '-euc', serverAddresses(addresses)]);
  await listen(house, addresses);
  const hosts = [NET, ...topology.routers.map((router) => router.name)];
  const pids = hosts.map((host) => `${hostDir(host)}/dnsmasq.pid`);
  await house.sh(`${setZoneFile(topology.zone)}\ncat ${pids.join(' ')} | xargs kill -HUP`);
}

/**
 * Counts packets that arrive at net from now on.
 * @param name letters, digits and underscores, and no word of nft's own
 * @param match what to count, as nft writes it: `udp dport 7 ip daddr 203.0.113.20`
 */
export async function count(house: Inside, name: string, match: string): Promise<void> {
  const rule = `add rule inet lab prerouting ${match} counter name ${name}`;
  await house.must(NET, ['nft', `add counter inet lab ${name}; ${rule}`]);
}

/** The packets of every {@link count} so far. */
export async function counts(house: Inside): Promise<Record<string, number>> {
  const listed = await house.must(NET, ['nft', '--json', 'list', 'counters', 'table', 'inet', 'lab']);
  const { nftables } = JSON.parse(listed) as { nftables: { counter?: { name: string; packets: number } }[] };
  return Object.fromEntries(
    nftables.flatMap(({ counter }) => (counter ? [[counter.name, counter.packets]] : [])),
  );
}

/** Has the servers answer on these addresses, and waits until they do. */
export async function listen(house: Inside, addresses: readonly string[]): Promise<void> {
  const socketPath = house.outside(`${hostDir(NET)}/servers.sock`);
  const answer = await until('the servers of net', async () => {
    try {
      return await putJson(socketPath, '/addresses', [...new Set(addresses)]);
    } catch (error) {
      // Just started: its socket is not there yet, or nobody listens on it yet.
      if (['ENOENT', 'ECONNREFUSED'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
      throw error;
    }
  });
  if (answer.status !== 200) throw new LabError(`the servers of net: ${answer.body}`);
}

function putJson(
  socketPath: string,
  path: string,
  value: unknown,
): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path, method: 'PUT', timeout: 5000 }, (response) => {
      text(response).then((body) => resolve({ status: response.statusCode ?? 0, body }), reject);
    });
    asked.on('timeout', () => asked.destroy(new LabError('the servers of net do not answer')));
    asked.on('error', reject);
    asked.end(JSON.stringify(value));
  });
}
