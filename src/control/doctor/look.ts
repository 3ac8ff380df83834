import { accessSync, constants, existsSync, statfsSync } from 'node:fs';
import { createServer } from 'node:net';
import type { Clock } from '../../clock.ts';
import { pathsOf } from '../../config.ts';
import type { Config } from '../../config-schema.ts';
import { HedgerowError, messageOf } from '../../errors.ts';
import { ownPorts } from '../../local/enforce/own-ports.ts';
import { chooseBackend } from '../../local/enforce/probe.ts';
import { createSlotMemory } from '../../local/enforce/slots.ts';
import type { Exec } from '../../local/exec.ts';
import { readInterfaces } from '../../local/observe/interfaces.ts';
import { silentLog } from '../../log.ts';
import { openControl } from '../client.ts';
import { isEnforcing } from '../enforcement.ts';
import { isOnlyHere } from '../needs-password.ts';
import { rightsHeld } from '../rights.ts';
import type { PeerRow } from '../views/peers.ts';
import type { StatusView } from '../views/status.ts';
import { foreignIn, lockOf, modulesHere, read, usersOf } from './files.ts';
import { type AgentSaid, type Listening, type Machine, TOOLS, type Tried } from './machine.ts';

export interface LookOptions {
  readonly config: Config;
  readonly exec: Exec;
  readonly clock: Clock;
}

/** An agent that does not say within this that it is there is not, milliseconds. */
const PATIENCE_MS = 2_000;
const TOOL_MS = 3_000;
/** Where programs of the system lie that an ordinary user's PATH leaves out. */
const SYSTEM_FOLDERS = '/usr/sbin:/sbin:/usr/local/sbin';
/** Where units that begin with the machine are linked: systemd.unit(5), and OpenWrt's rc.d. */
const STARTED = {
  agent: ['/etc/systemd/system/multi-user.target.wants/hedgerow.service', '/etc/rc.d/S95hedgerow'],
  restore: [
    '/etc/systemd/system/multi-user.target.wants/hedgerow-restore.service',
    '/etc/rc.d/S18hedgerow-restore',
  ],
} as const;
const UNIT = '/etc/systemd/system/hedgerow.service';

/** Looks at this machine, with an agent or without; what it cannot tell is undefined. Changes nothing but for a moment. */
export async function lookAt({ config, exec, clock }: LookOptions, signal: AbortSignal): Promise<Machine> {
  const rights = rightsHeld();
  const agent = await askAgent(config.control.socket);
  const { stateDir } = config.agent;
  const [tools, backend, clockSynchronised, listening] = await Promise.all([
    toolsThere(exec, signal),
    tryBackends({ config, exec, clock }, rights.lacks.includes('CAP_NET_ADMIN') ? undefined : signal),
    synchronised(exec, signal),
    listeningOf(config, !agent.answers),
  ]);
  const places = { socket: config.control.socket, stateDir };
  const user = usersOf(places, agent.answers ? agent.rights : undefined, rights.uid, read(UNIT));
  return {
    config,
    nodeVersion: process.version,
    rights,
    tools: new Set(TOOLS.filter((tool) => tools.has(tool))),
    backend,
    module: modulesHere(),
    lock: lockOf(user.name, tools.has('iptables-legacy')),
    user,
    sysctl: (name) => read(`/proc/sys/${name.replaceAll('.', '/')}`)?.trim(),
    clockSynchronised,
    state: stateFolder(stateDir),
    listening,
    passwordSet: isThere(pathsOf(config).password, stateDir),
    units: { agent: STARTED.agent.some(existsSync), restore: STARTED.restore.some(existsSync) },
    agent,
  };
}

async function askAgent(socket: string): Promise<AgentSaid> {
  try {
    const client = await openControl(socket, PATIENCE_MS);
    const patience = AbortSignal.timeout(PATIENCE_MS);
    patience.addEventListener('abort', () => client.close(), { once: true });
    try {
      const [status, peers] = await Promise.all([
        client.call<StatusView>('status'),
        client.call<PeerRow[]>('peers'),
      ]);
      return saidBy(status, peers);
    } finally {
      client.close();
    }
  } catch (error) {
    if (!(error instanceof HedgerowError)) throw error;
    const { cause } = error;
    const denied = cause instanceof Error && 'code' in cause && cause.code === 'EACCES';
    return { answers: false, why: error.message, denied };
  }
}

/** One of before an update does not tell its rights. */
function saidBy(
  status: Omit<StatusView, 'rights' | 'reach'> & Partial<StatusView>,
  peers: PeerRow[],
): AgentSaid {
  const { problems, clock, enforcement, rights, reach } = status;
  const { backend: name, detail, enforcing, standing, halted } = enforcement;
  const takesOver = standing === true && isEnforcing(name);
  const backend = { name, detail, works: enforcing || takesOver || halted !== undefined };
  return { answers: true, problems, clock, peers, rights, backend, reach };
}

async function toolsThere(exec: Exec, signal: AbortSignal): Promise<ReadonlySet<string>> {
  const looked = [...TOOLS, 'iptables-legacy'].join(' ');
  const script = `PATH=$PATH:${SYSTEM_FOLDERS}; for tool in ${looked}; do command -v "$tool" >/dev/null && echo "$tool"; done; true`;
  const { stdout } = await exec.run(['sh', '-c', script], { timeoutMs: TOOL_MS, signal });
  return new Set(stdout.split('\n'));
}

/** @param signal undefined when we may not try. */
async function tryBackends(
  { config, exec, clock }: LookOptions,
  signal: AbortSignal | undefined,
): Promise<Tried> {
  if (signal === undefined) return { tried: false };
  const asked = config.enforce.ownTraffic ? { own: await ownPorts(config, exec, signal) } : {};
  const wan = await uplinks(config, exec, signal);
  const options = { exec, clock, log: silentLog, slots: createSlotMemory(), wan, ...asked };
  const choice = await chooseBackend(config.enforce.backend, options, signal);
  if (choice.role === 'observer') return { tried: true, name: undefined, problem: choice.reason };
  await choice.backend.stop();
  return { tried: true, ...choice.backend.describe() };
}

/** As the agent finds them; none where nobody can tell. */
async function uplinks({ lan, wan }: Config, exec: Exec, signal: AbortSignal): Promise<readonly string[]> {
  try {
    const named = { router: '', lan: lan.interfaces, wan: wan.interfaces };
    return (await readInterfaces(exec, named, signal)).wan;
  } catch (error) {
    if (!(error instanceof HedgerowError)) throw error;
    return [];
  }
}

async function synchronised(exec: Exec, signal: AbortSignal): Promise<boolean | undefined> {
  try {
    const argv = ['timedatectl', 'show', '-p', 'NTPSynchronized', '--value'];
    const { stdout } = await exec.run(argv, { timeoutMs: TOOL_MS, signal });
    const said = stdout.trim();
    return said === 'yes' ? true : said === 'no' ? false : undefined;
  } catch (error) {
    if (error instanceof HedgerowError) return undefined;
    throw error;
  }
}

function stateFolder(folder: string): Machine['state'] {
  if (!existsSync(folder)) return { exists: false, writable: false, freeBytes: undefined, foreign: [] };
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
    const { bavail, bsize } = statfsSync(folder);
    return { exists: true, writable: true, freeBytes: bavail * bsize, foreign: foreignIn(folder) };
  } catch {
    return { exists: true, writable: false, freeBytes: undefined, foreign: [] };
  }
}

async function listeningOf(config: Config, ask: boolean): Promise<Listening[]> {
  const places = [
    ...config.p2p.listen.map((address) => ({
      key: 'p2p.listen',
      address: hostPortOf(address),
      needsPassword: false,
    })),
    ...(config.mqtt.broker === 'embedded'
      ? [
          ...config.mqtt.listen.map((address) => ({ key: 'mqtt.listen', address, needsPassword: true })),
          ...config.mqtt.webSocket.map((address) => ({
            key: 'mqtt.webSocket',
            address,
            needsPassword: true,
          })),
        ]
      : []),
    ...config.http.listen.map((address) => ({ key: 'http.listen', address, needsPassword: true })),
  ];
  return Promise.all(
    places.map(async (place) => ({
      ...place,
      onlyHere: isOnlyHere(place.address),
      problem: ask ? await tryToListen(place.address) : undefined,
    })),
  );
}

/** `/ip4/0.0.0.0/tcp/4411` → `0.0.0.0:4411`; anything else as it is. */
function hostPortOf(address: string): string {
  const [, , family = '', host = '', port = ''] = /^(\/(ip[46])\/([^/]+)\/tcp\/(\d+))/.exec(address) ?? [];
  if (family === '') return address;
  return family === 'ip6' ? `[${host}]:${port}` : `${host}:${port}`;
}

function tryToListen(address: string): Promise<string | undefined> {
  const port = Number(/(\d+)$/.exec(address)?.[1] ?? 0);
  const host = address.slice(0, address.lastIndexOf(':')).replace(/^\[(.*)\]$/, '$1');
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error) => resolve(messageOf(error)));
    server.listen({ host, port, ipv6Only: host.includes(':') }, () => server.close(() => resolve(undefined)));
  });
}

/** Undefined for a folder that we may not look into. */
function isThere(path: string, folder: string): boolean | undefined {
  if (existsSync(path)) return true;
  try {
    accessSync(folder, constants.R_OK | constants.X_OK);
    return false;
  } catch {
    return existsSync(folder) ? undefined : false;
  }
}
