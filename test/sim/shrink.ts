import type { Action, Schedule } from './schedule.ts';

/**
 * A smaller schedule that still fails: actions are left out in chunks, then one by one, until none can be spared, and
 * the home is made as small as it can be (delta debugging: Zeller & Hildebrandt, "Simplifying and Isolating
 * Failure-Inducing Input", 2002). At most `tries` schedules are played.
 */
export async function shrink(
  schedule: Schedule,
  fails: (schedule: Schedule) => Promise<boolean>,
  tries = 2_000,
): Promise<Schedule> {
  let left = tries;
  const attempt = async (next: Schedule): Promise<boolean> => {
    left -= 1;
    return left >= 0 && (await fails(next));
  };
  let best = schedule;
  for (let before = Number.POSITIVE_INFINITY; before > size(best) && left > 0; ) {
    before = size(best);
    for (let chunk = Math.ceil(best.actions.length / 2); chunk >= 1; chunk = Math.floor(chunk / 2)) {
      for (let from = 0; from < best.actions.length && left > 0; ) {
        const next = { ...best, actions: without(best.actions, from, chunk) };
        if (await attempt(next)) best = next;
        else from += chunk;
      }
    }
    while (best.agents > 2 && (await attempt({ ...best, agents: best.agents - 1 })))
      best = { ...best, agents: best.agents - 1 };
  }
  return best;
}

function without(actions: readonly Action[], from: number, count: number): Action[] {
  return [...actions.slice(0, from), ...actions.slice(from + count)];
}

function size({ agents, actions }: Schedule): number {
  return agents + actions.length;
}
