/**
 * A house that stands: the verbs by which the demo, tests, benchmarks and people at the command line use it. Reading and
 * running commands in it is in inside.ts.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { agentPid, killAgent, startAgent, writeAgentFiles } from './agents.ts';
import { LabError } from './error.ts';
import { Inside } from './inside.ts';
import { count, counts, cut, heal, listen, loss, routed, setZone } from './internet.ts';
import { buildScript, hostDir, moveScript, releaseScript } from './network.ts';
import { paths } from './paths.ts';
import { endSandbox, findSandbox, startSandbox } from './sandbox.ts';
import { checkTopology, type Router, type Topology } from './topology.ts';

export interface RaiseOptions {
  /** Default "default"; two houses of one user cannot have the same. */
  readonly name?: string;
  /** It outlives this process, until `down`. */
  readonly detach?: boolean;
  /** Stops raising; what was built is taken down. */
  readonly signal?: AbortSignal;
}

const RAISE_MS = 60_000;

/**
 * Builds a house: namespaces, cables, servers, devices with leases and, if the topology says so, started agents (each is a
 * home of its own until `makeHome`).
 * @throws LabError; what was built is down again then
 */
export async function raise(topology: Topology, options: RaiseOptions = {}): Promise<House> {
  checkTopology(topology);
  const signal = options.signal ? { signal: options.signal } : {};
  const house = new House(await startSandbox(options.name ?? 'default', options.detach ?? false));
  try {
    await house.sh(buildScript(topology, paths), { timeoutMs: RAISE_MS, ...signal });
    await house.save(topology);
    await listen(house, Object.values(topology.zone).flat());
    await writeAgentFiles(house);
    if (topology.agents)
      await Promise.all(topology.routers.map(({ name }) => startAgent(house, name, signal)));
    return house;
  } catch (error) {
    await house.down();
    throw error;
  }
}

/** The house of this user that runs under this name. */
export async function attach(name = 'default'): Promise<House> {
  const sandbox = await findSandbox(name);
  if (!sandbox) throw new LabError(`no house "${name}" is up`, { hint: 'npm run lab -- up' });
  return new House(sandbox);
}

export class House extends Inside {
  /** Silently drops everything between two routers, or between a router and net, in both directions. */
  async cut(a: string, b: string): Promise<void> {
    await cut(this, a, b);
  }

  /** Undoes every {@link cut}. */
  async heal(): Promise<void> {
    await heal(this);
  }

  /** Whether net forwards between the subnets, which it does at first. */
  async routed(on: boolean): Promise<void> {
    await routed(this, on);
  }

  /** Drops so many of a hundred frames between routers, by chance; 0 is none. */
  async loss(percent: number): Promise<void> {
    await loss(this, percent);
  }

  /** A DNS name has these addresses from now on, and each of them is a server. */
  async setZone(name: string, addresses: readonly string[]): Promise<void> {
    await setZone(this, name, addresses);
  }

  /** Counts packets that arrive at net from now on, under a name of its own; `match` as nft writes it. */
  async count(name: string, match: string): Promise<void> {
    await count(this, name, match);
  }

  /** The packets of every {@link count} so far. */
  async counts(): Promise<Record<string, number>> {
    return await counts(this);
  }

  /**
   * Plugs a device into a router's first LAN; it keeps its MAC and has addresses there when this returns.
   * @param address addresses it shall have; a device that holds the IPv4 address there gives its lease back first
   */
  async move(device: string, router: string, address: { ipv4?: string; ipv6?: string } = {}): Promise<void> {
    const [moved, to] = [this.device(device), this.router(router)];
    const [lan] = to.lans;
    if (!lan) throw new LabError(`${router} has no LAN`);
    const holder = address.ipv4 && (await this.#holder(to, address.ipv4));
    if (holder && holder !== device) await this.release(holder);
    await this.sh(moveScript(moved, to, lan, paths, address));
    const { topology } = this;
    await this.save({
      ...topology,
      devices: topology.devices.map((d) => (d.name === device ? { ...d, router, bridge: lan.bridge } : d)),
    });
    const { ipv4 } = await this.addresses(device);
    if (address.ipv4 && ipv4 !== address.ipv4) {
      throw new LabError(`${router} gave ${device} ${ipv4}, not ${address.ipv4}`);
    }
  }

  /** A device gives its lease back; it stays plugged in without an IPv4 address. */
  async release(device: string): Promise<void> {
    await this.sh(releaseScript(this.device(device)));
  }

  /** The first global addresses of a host's interface. */
  async addresses(
    host: string,
    dev = 'eth0',
  ): Promise<{ ipv4: string | undefined; ipv6: string | undefined }> {
    const said = await this.must(host, ['ip', '-json', 'addr', 'show', 'dev', dev, 'scope', 'global']);
    const links = JSON.parse(said) as { addr_info?: { family: string; local: string }[] }[];
    const infos = links.flatMap((link) => link.addr_info ?? []);
    const first = (family: string) => infos.find((info) => info.family === family)?.local;
    return { ipv4: first('inet'), ipv6: first('inet6') };
  }

  /** Starts a router's agent and waits until it answers; returns the ms until its control socket accepted. */
  async start(router: string, signal?: AbortSignal): Promise<number> {
    return await startAgent(this, this.router(router).name, signal ? { signal } : {});
  }

  /** Sends a signal to a router's agent and waits until it has ended (15 s). */
  async kill(router: string, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    await killAgent(this, this.router(router).name, signal);
  }

  /** The process id of a router's agent as seen inside, if it runs. */
  agent(router: string): number | undefined {
    return agentPid(this, this.router(router).name);
  }

  /** Path of a router's control socket that works outside of the house. */
  controlSocket(router: string): string {
    return this.outside(`${hostDir(this.router(router).name)}/hedgerow.sock`);
  }

  /** What a router's agent has written on stdout and stderr since the house was raised. */
  async logs(router: string): Promise<string> {
    return await readFile(this.outside(`${hostDir(this.router(router).name)}/agent.log`), 'utf8');
  }

  /** False when somebody has taken it down. */
  get stands(): boolean {
    return existsSync(`/proc/${this.sandbox.pid}`);
  }

  /** Ends everything, at once. */
  async down(): Promise<void> {
    await endSandbox(this.sandbox);
  }

  async #holder(router: Router, ipv4: string): Promise<string | undefined> {
    const leases = await readFile(this.outside(`${hostDir(router.name)}/dnsmasq.leases`), 'utf8');
    const lease = leases.split('\n').find((line) => line.split(' ')[2] === ipv4);
    const mac = lease?.split(' ')[1];
    return this.topology.devices.find((device) => device.mac === mac && device.router === router.name)?.name;
  }
}
