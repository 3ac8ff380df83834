import { describe, expect, it } from 'vitest';
import type { Replica, ReplicaOptions } from '../../src/policy/replica.ts';
import { BySeq, Choosy } from './mutants.ts';
import { play } from './play.ts';
import { draw, type Schedule } from './schedule.ts';
import { shrink } from './shrink.ts';

const SCHEDULES = 160;
const PARTS = 4;
const SEED = 20_261_121;
const SIZE = { least: 3, most: 30 };
const STEPS = 60;

describe('homes under faults', { timeout: 240_000 }, () => {
  it.each(Array.from({ length: PARTS }, (_, part) => part))(
    'agree in the end and lose nothing (part %i)',
    async (part) => {
      for (let seed = SEED + part; seed < SEED + SCHEDULES; seed += PARTS) {
        const { failures } = await play(draw(seed, SIZE, STEPS));
        expect(failures, `npm run sim -- --seed ${seed} --schedules 1`).toEqual([]);
      }
    },
  );

  it('go the same way with the same seed', async () => {
    const schedule = draw(SEED, { least: 5, most: 5 }, STEPS);
    expect(await play(schedule)).toEqual(await play(schedule));
  });

  it('can be played with any part left out', async () => {
    const schedule = draw(SEED + 1, { least: 4, most: 4 }, STEPS);
    for (let nth = 2; nth < 6; nth++) {
      const actions = schedule.actions.filter((_, index) => index % nth === 0);
      expect((await play({ ...schedule, actions })).failures).toEqual([]);
    }
  });
});

describe('a wrong replica', { timeout: 240_000 }, () => {
  const mutants: [string, (options: ReplicaOptions) => Replica][] = [
    ['that compares chains by their highest number', (options) => new BySeq(options)],
    ['that does not believe every clock', (options) => new Choosy(options)],
  ];

  it.each(mutants)(
    '%s is caught, with a handful of actions to show for it',
    async (_, makeReplica) => {
      const what = async (schedule: Schedule) => (await play(schedule, makeReplica)).failures[0]?.what;
      for (let seed = SEED; seed < SEED + 100; seed++) {
        const schedule = draw(seed, { least: 3, most: 4 }, STEPS);
        const first = await what(schedule);
        if (first === undefined) continue;
        const smallest = await shrink(schedule, async (one) => (await what(one)) === first, 300);
        expect(smallest.actions.length).toBeLessThanOrEqual(6);
        expect(await what(smallest)).toBe(first);
        return;
      }
      expect.fail('not caught in 100 schedules');
    },
    60_000,
  );
});
