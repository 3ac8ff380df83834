/** Power for many routers at once, and its failures: what a plug pulled, a clock that lost its battery and an erased disk do. */
import { agentPid, connects, launchScript } from './agents.ts';
import { LabError } from './error.ts';
import type { Inside } from './inside.ts';
import { hostDir } from './network.ts';
import { mustRun } from './run.ts';
import { until } from './wait.ts';

const READY_MS = 90_000;

export interface PowerOptions {
  /** Wall clock at the start, as faketime(1) reads it (`1970-01-01 00:00:10`); it goes on from there. */
  readonly wallClock?: string;
  readonly signal?: AbortSignal;
}

/**
 * Starts the agents of these routers in the same moment and waits until the control socket of each accepts.
 * @returns the moment they were started, of performance.now()
 * @throws LabError when one ends, or is not ready within 90 s
 */
export async function powerOn(
  house: Inside,
  routers: readonly string[],
  { wallClock, signal }: PowerOptions = {},
): Promise<number> {
  const before = wallClock === undefined ? '' : await clockOfItsOwn(wallClock);
  const running = routers.filter((router) => agentPid(house, router) !== undefined);
  if (running.length > 0) throw new LabError(`agents run already: ${running.join(', ')}`);
  const begun = performance.now();
  await house.sh(
    routers
      .map((router) => `ip netns exec ${router} bash <<'ON'\n${launchScript(router, before)}\nON`)
      .join('\n'),
    { env: { PATH: `/run/lab/bin:${process.env.PATH}:/usr/local/sbin:/usr/sbin:/sbin` } },
  );
  const accepts = async (router: string) => {
    if (agentPid(house, router) === undefined)
      throw new LabError(`the agent of ${router} ended at its start`);
    return await connects(house.outside(`${hostDir(router)}/hedgerow.sock`));
  };
  await Promise.all(
    routers.map((router) =>
      until(`the control socket of ${router}`, () => accepts(router), {
        timeoutMs: READY_MS,
        everyMs: 50,
        ...(signal ? { signal } : {}),
      }),
    ),
  );
  return begun;
}

/** Pulls the plug of these routers: the agents are killed, and the kernels forget what the agents told them. */
export async function powerOff(house: Inside, routers: readonly string[]): Promise<void> {
  await signalAgents(house, routers, 'SIGKILL');
  await until('the agents to end', () => routers.every((router) => agentPid(house, router) === undefined));
  const forget = ['iptables', 'ip6tables']
    .flatMap((tool) => ['legacy', 'nft'].map((kind) => `${tool}-${kind} -t mangle`))
    .flatMap((table) => [`${table} -F`, `${table} -X`])
    .concat('nft delete table inet hedgerow', 'nft delete table bridge hedgerow', 'ipset destroy');
  await house.sh(
    routers
      .map((router) => `ip netns exec ${router} sh -c '${forget.map((one) => `${one}; `).join('')}true' 2>&1`)
      .join('\n'),
  );
}

/** Sends the agents of these routers a signal at once; returns without waiting for what it does. */
export async function signalAgents(
  house: Inside,
  routers: readonly string[],
  signal: NodeJS.Signals,
): Promise<void> {
  const pids = routers.map((router) => {
    const pid = agentPid(house, router);
    if (pid === undefined) throw new LabError(`no agent runs on ${router}`);
    return pid;
  });
  await house.sh(`kill -${signal.slice(3)} ${pids.join(' ')}`);
}

/** The disk of a router is new: its agent, which must not run, has no key, no home and no policies. */
export async function wipe(house: Inside, router: string): Promise<void> {
  if (agentPid(house, router) !== undefined) throw new LabError(`the agent of ${router} runs`);
  const { stateDir } = house.router(router);
  await house.sh(`rm -rf '${stateDir ?? `${hostDir(router)}/state`}'`);
}

/** The environment in which a program has this wall clock; monotonic clocks and file times are left alone (faketime(1)). */
async function clockOfItsOwn(wallClock: string): Promise<string> {
  const library = await mustRun(['faketime', '--exclude-monotonic', '-f', '+0', 'printenv', 'LD_PRELOAD']);
  return `env LD_PRELOAD='${library.trim()}' FAKETIME='@${wallClock}' FAKETIME_DONT_FAKE_MONOTONIC=1 NO_FAKE_STAT=1`;
}
