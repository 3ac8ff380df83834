/** The agents of a house: their files, their processes, and when they are ready. */
import { existsSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { stringify } from 'yaml';
import { LabError } from './error.ts';
import type { Inside } from './inside.ts';
import { hostDir } from './network.ts';
import { paths } from './paths.ts';
import { OVERLAY_PORT, type Router, routerAddress, subnetsOf, type Topology } from './topology.ts';
import { until } from './wait.ts';

/** As an installed agent is run (src/cli/entry.ts): a small young generation saves memory. */
const NODE_FLAGS = '--max-semi-space-size=1';

const READY_MS = 20_000;
const STOP_MS = 15_000;

/** The config of a router's agent: the house's, with the topology's own keys for this router merged over it. */
export function agentConfig(router: Router, { routers }: Topology): Record<string, unknown> {
  const dir = hostDir(router.name);
  const listen = (one: Router) =>
    subnetsOf(one).map((subnet) => `/ip4/${routerAddress(one, subnet).ipv4}/tcp/${OVERLAY_PORT}`);
  return merge(
    {
      configVersion: 1,
      agent: { name: router.name, stateDir: router.stateDir ?? `${dir}/state` },
      control: { socket: `${dir}/hedgerow.sock` },
      p2p: {
        listen: listen(router),
        bootstrap: routers.filter(({ name }) => name !== router.name).flatMap(listen),
      },
      observe: { leases: `${dir}/dnsmasq.leases` },
      // Tests and benchmarks change more in a minute than people do.
      limits: { policies: 100_000, changesPerHour: 1_000_000, burst: 1_000_000 },
    },
    router.config ?? {},
  );
}

/** Writes every router's config, and the `hedgerow` that commands in the house find. */
export async function writeAgentFiles(house: Inside): Promise<void> {
  const { topology } = house;
  const configs = topology.routers.map(
    (router) =>
      `cat > ${hostDir(router.name)}/hedgerow.yaml <<'YAML'\n${stringify(agentConfig(router, topology))}YAML`,
  );
  await house.sh(`${configs.join('\n')}
cat > /run/lab/bin/hedgerow <<'SHIM'
#!/bin/sh
exec '${paths.node}' ${NODE_FLAGS} '${paths.hedgerow}' "$@"
SHIM
chmod +x /run/lab/bin/hedgerow`);
}

/**
 * Starts a router's agent and waits until its socket accepts and `hedgerow status` answers.
 * @returns milliseconds until its socket accepted a connection
 * @throws LabError with the end of its log, when it ends or is not ready within 20 s
 */
export async function startAgent(
  house: Inside,
  router: string,
  options: { signal?: AbortSignal } = {},
): Promise<number> {
  if (!existsSync(paths.hedgerow))
    throw new LabError('dist/hedgerow.js is missing', { hint: 'npm run build' });
  if (agentPid(house, router)) throw new LabError(`the agent of ${router} runs already`);
  const begun = performance.now();
  await house.must(router, ['bash', '-c', launchScript(router)]);
  const alive = (what: string) => {
    if (!agentPid(house, router)) throw new LabError(`the agent of ${router} ended before ${what}`);
  };
  try {
    const accepts = async () => {
      alive('its socket accepted');
      return await connects(house.outside(`${hostDir(router)}/hedgerow.sock`));
    };
    await until(`the control socket of ${router}`, accepts, { timeoutMs: READY_MS, ...options });
    const took = performance.now() - begun;
    const answers = async () => {
      alive('it answered');
      return (await house.exec(router, ['hedgerow', 'status', '--json'], options)).code === 0;
    };
    await until(`the status of ${router}`, answers, { timeoutMs: READY_MS, everyMs: 100, ...options });
    return took;
  } catch (cause) {
    const log = (await readFile(house.outside(`${hostDir(router)}/agent.log`), 'utf8')).slice(-2000);
    throw new LabError(`${cause instanceof Error ? cause.message : cause}; its log ends:\n${log}`, { cause });
  }
}

/**
 * The shell command that starts a router's agent in the background and keeps its process id.
 * @param before put before the agent's command line, for example a clock of its own
 */
export function launchScript(router: string, before = ''): string {
  const dir = hostDir(router);
  const agent = `'${paths.node}' ${NODE_FLAGS} '${paths.hedgerow}' agent --config ${dir}/hedgerow.yaml`;
  return `setsid ${before} ${agent} >> ${dir}/agent.log 2>&1 < /dev/null & echo $! > ${dir}/agent.pid`;
}

/** Signals a router's agent and waits until it has ended. */
export async function killAgent(house: Inside, router: string, signal: NodeJS.Signals): Promise<void> {
  const pid = agentPid(house, router);
  if (!pid) throw new LabError(`no agent runs on ${router}`);
  await house.sh(`kill -${signal.slice(3)} ${pid}`);
  await until(`the agent of ${router} to end after ${signal}`, () => !agentPid(house, router), {
    timeoutMs: STOP_MS,
  });
}

/** The process id of a router's agent, inside the house, while it runs. */
export function agentPid(house: Inside, router: string): number | undefined {
  const file = house.outside(`${hostDir(router)}/agent.pid`);
  if (!existsSync(file)) return undefined;
  const pid = Number.parseInt(readFileSync(file, 'utf8'), 10);
  return pid && existsSync(house.outside(`/proc/${pid}`)) ? pid : undefined;
}

/** Whether somebody accepts on a unix socket, within a second. */
export function connects(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path, timeout: 1000 });
    const end = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.on('connect', () => end(true));
    socket.on('timeout', () => end(false));
    socket.on('error', () => end(false));
  });
}

type Tree = Record<string, unknown>;

const isTree = (value: unknown): value is Tree =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function merge(base: Tree, over: Tree): Tree {
  const merged = Object.entries(over).map(([key, value]) => {
    const under = base[key];
    return [key, isTree(under) && isTree(value) ? merge(under, value) : value];
  });
  return { ...base, ...Object.fromEntries(merged) };
}
