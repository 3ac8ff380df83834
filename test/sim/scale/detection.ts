import type { Pass } from './pass.ts';
import type { Found, Town } from './town.ts';

/** What happens to one agent. */
export type Fault = 'kill' | 'silent cut' | 'one-way cut';

export const FAULTS: readonly Fault[] = ['kill', 'silent cut', 'one-way cut'];

/** How a fault was noticed. Times after the fault, milliseconds. */
export interface Detection {
  /** Agents that had a link with it, and how many of them did not call it down in time. */
  readonly observers: number;
  readonly missed: number;
  /** When each of these found it suspect, and down. */
  readonly noticed: readonly number[];
  readonly down: readonly number[];
  /** When the last agent that believed it alive did so no more; undefined when one still does. */
  readonly everybodyMs: number | undefined;
  /** Others that were called down although they were alive and could be reached. */
  readonly wrongly: number;
}

export function strike(town: Town, n: number, fault: Fault): void {
  if (fault === 'kill') town.agents[n]?.kill();
  else if (fault === 'silent cut') town.isolate(n);
  else for (let other = 0; other < town.agents.length; other++) town.air.cut(n, other);
}

/** Lets a fault happen at a moment that is drawn, and watches for so long. */
export async function detect(
  town: Town,
  n: number,
  fault: Fault,
  ms: number,
  pass: Pass,
): Promise<Detection> {
  await pass(town.timeline, town.random.next() * 1_500);
  const observers = new Set(town.linked(n).map((agent) => agent.n));
  const at = town.timeline.monotonic();
  town.found = [];
  strike(town, n, fault);
  await pass(town.timeline, ms);
  const about = town.found.filter((found) => found.about === n && found.by !== n);
  const times = (what: Found['what']) => {
    const first = new Map<number, number>();
    for (const found of about)
      if (found.what === what && !first.has(found.by)) first.set(found.by, found.at - at);
    return first;
  };
  const [suspect, down] = [times('suspect'), times('down')];
  const ofObservers = (all: ReadonlyMap<number, number>) =>
    [...all].filter(([by]) => observers.has(by)).map(([, after]) => after);
  return {
    observers: observers.size,
    missed: [...observers].filter((by) => !down.has(by)).length,
    noticed: ofObservers(new Map([...down, ...suspect])),
    down: ofObservers(down),
    everybodyMs: believers(town, n) > 0 ? undefined : Math.max(0, ...down.values()),
    wrongly: town.found.filter((found) => found.what === 'down' && isWrong(town, found, n)).length,
  };
}

/** Agents that believe it alive, by their own ears or by somebody's word. */
function believers(town: Town, n: number): number {
  const peer = town.agents[n]?.peer ?? '';
  return town.agents.filter((agent) => {
    if (agent.n === n || agent.machine.state === 'gone') return false;
    const { state, heardBy } = agent.liveness.of(peer);
    return state === 'alive' || heardBy !== undefined;
  }).length;
}

function isWrong(town: Town, { by, about }: Found, n: number): boolean {
  return by !== n && about !== n && town.agents[about]?.machine.state !== 'gone';
}
