import { describe, expect, it } from 'vitest';
import type { Op } from '../../src/policy/op.ts';
import type { Life } from './sim-router.ts';
import { World } from './world.ts';

const SCHEDULES = 200;
const STEPS = 40;
const SEED = 20_261_121;

/** What must be live after all: added by an op that survived, named by none. */
function wanted(ops: Iterable<Op>): string[] {
  const all = [...ops];
  const retired = new Set(all.flatMap(({ over }) => over));
  return all
    .flatMap(({ id, add }) => add.map((_, index) => `${id}/${index}`))
    .filter((id) => !retired.has(id))
    .sort();
}

/** What a life says of every node in the registers of every peer. */
function described({ registers }: Life): string[] {
  return [...registers.all()]
    .map(({ peer, node, gen, rev, envelope }) => `${peer} ${node} ${gen}.${rev} ${envelope.length}`)
    .sort();
}

async function play(seed: number): Promise<void> {
  const world = new World(seed, 3 + (seed % 4));
  await world.found();
  for (let n = 0; n < STEPS; n++) await world.step();
  await world.settle();

  const lives = world.routers.map(({ life }) => life).filter((life) => life !== undefined);
  expect(lives).toHaveLength(world.routers.length);
  const survived = [...world.unfinished.values()].filter(({ id }) => lives[0]?.replica.op(id) !== undefined);
  const ops = new Map([...world.acknowledged, ...survived.map((op): [string, Op] => [op.id, op])]);
  const live = wanted(ops.values());
  for (const life of lives) {
    expect(life.replica.digest).toBe(lives[0]?.replica.digest);
    expect(life.replica.size).toBe(ops.size);
    expect([...life.replica.live.keys()].sort()).toEqual(live);
    expect(life.registers.digest).toBe(lives[0]?.registers.digest);
    expect(described(life)).toEqual(lives[0] && described(lives[0]));
  }
  for (const router of world.routers) expect(await router.onDisk()).toEqual(new Set(ops.keys()));
}

describe('a house under faults', () => {
  it.each([0, 1, 2, 3])(
    'converges, loses no acknowledged change and raises none from the dead (%i)',
    async (quarter) => {
      for (let n = quarter; n < SCHEDULES; n += 4) {
        const seed = SEED + n;
        try {
          await play(seed);
        } catch (cause) {
          throw new Error(`seed ${seed}: ${cause instanceof Error ? cause.message : cause}`, { cause });
        }
      }
    },
    120_000,
  );
});
