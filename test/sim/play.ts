import type { Replica, ReplicaOptions } from '../../src/policy/replica.ts';
import type { Counts, Failure } from './counts.ts';
import { act } from './deeds.ts';
import { judgeWorld } from './judgement.ts';
import type { Schedule } from './schedule.ts';
import { settle } from './settle.ts';
import { World } from './world.ts';

export interface Outcome {
  /** What went wrong; none when all is well. */
  readonly failures: readonly Failure[];
  readonly counts: Counts;
}

/** Plays a schedule from an empty house to the judgement. Never rejects: what is thrown on the way is a failure too. */
export async function play(
  { seed, agents, actions }: Schedule,
  makeReplica?: (options: ReplicaOptions) => Replica,
): Promise<Outcome> {
  const world = new World(makeReplica);
  try {
    await world.found(agents, seed);
    for (const action of actions) {
      await world.play(action.dice, () => act(world, action));
      if (world.failures.length > 0) break;
    }
    if (world.failures.length === 0) {
      await world.play(seed, () => settle(world));
      await judgeWorld(world);
    }
  } catch (error) {
    world.fail('an exception', error instanceof Error ? (error.stack ?? error.message) : String(error));
  }
  for (const router of world.routers.values()) router.kill();
  const { sent, lost, doubled, late } = world.net.count;
  const counts = { ...world.count, steps: actions.length, messages: sent, lost, doubled, late };
  return { failures: world.failures, counts };
}
