import { expect, it } from 'vitest';
import { type Action, draw, type Schedule } from './schedule.ts';
import { shrink } from './shrink.ts';

const SIZE = { least: 6, most: 6 };

it('leaves what the failure needs, wherever it stands, in a home as small as it can be', async () => {
  const schedule = draw(4, SIZE, 200);
  const needed = [17, 90, 91, 199].map((index) => schedule.actions[index]);
  const fails = async ({ actions, agents }: Schedule) =>
    agents >= 4 && needed.every((action) => action !== undefined && actions.includes(action));
  const smallest = await shrink(schedule, fails);
  expect(smallest.actions).toEqual(needed);
  expect(smallest.agents).toBe(4);
});

it('gives up after so many tries with what it has', async () => {
  const schedule = draw(5, SIZE, 100);
  let tries = 0;
  const smallest = await shrink(
    schedule,
    async ({ actions }) => {
      tries += 1;
      return actions.length > 40;
    },
    5,
  );
  expect(tries).toBeLessThanOrEqual(5);
  expect(smallest.actions.length).toBeGreaterThan(40);
});

it('draws the same schedule from the same seed, with every kind of action in it', () => {
  expect(draw(6, SIZE, 50)).toEqual(draw(6, SIZE, 50));
  const kinds = new Set<Action['do']>(draw(7, SIZE, 3_000).actions.map((action) => action.do));
  expect(kinds.size).toBe(23);
});
