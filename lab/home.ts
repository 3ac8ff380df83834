/** Making one home of a house's agents, by the commands that a person would type. */
import { ask, hedgerow } from './ask.ts';
import { LabError } from './error.ts';
import type { House } from './house-api.ts';
import { until } from './wait.ts';

const ALIVE_MS = 30_000;

/** The first router founds the home and adds the others; returns when every router sees all the others alive. */
export async function makeHome(house: House, signal?: AbortSignal): Promise<void> {
  const [founder, ...others] = house.topology.routers.map(({ name }) => name);
  if (founder === undefined) return;
  await hedgerow(house, founder, ['home', 'create', 'Elm Street'], signal);
  const bundles: [string, string][] = [];
  for (const router of others) bundles.push([router, await admit(house, founder, router, signal)]);
  await Promise.all(
    bundles.map(([router, bundle]) => hedgerow(house, router, ['home', 'join', bundle], signal)),
  );
  await Promise.all([founder, ...others].map((router) => allAlive(house, router, others.length, signal)));
}

/** A member admits a router; returns what that router's `home join` wants. */
export async function admit(
  house: House,
  member: string,
  router: string,
  signal?: AbortSignal,
): Promise<string> {
  const { peer } = await hedgerow<{ peer: string }>(house, router, ['home'], signal);
  const add = ['home', 'add', peer, '--name', router];
  return (await hedgerow<{ bundle: string }>(house, member, add, signal)).bundle;
}

/** Waits until a router sees this many peers alive (30 s). An agent that joins a home starts anew: silence is no failure. */
export async function allAlive(
  house: House,
  router: string,
  count: number,
  signal?: AbortSignal,
): Promise<void> {
  let last: unknown;
  const alive = async () => {
    if (!house.agent(router))
      throw new LabError(`the agent of ${router} ended; its log:\n${await house.logs(router)}`);
    try {
      const peers = await ask<{ state: string }[]>(house, router, 'peers');
      last = peers;
      return peers.filter(({ state }) => state === 'alive').length >= count;
    } catch (error) {
      last = error;
      return false;
    }
  };
  try {
    await until(`${router} to see ${count} peers alive`, alive, {
      timeoutMs: ALIVE_MS,
      everyMs: 50,
      ...(signal ? { signal } : {}),
    });
  } catch (cause) {
    throw new LabError(`${cause instanceof Error ? cause.message : cause}: ${JSON.stringify(last)}`, {
      cause,
    });
  }
}
