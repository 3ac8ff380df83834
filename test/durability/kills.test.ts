import { expect, it } from 'vitest';
import { kills } from './kills.ts';

const SEED = 20_260_714;

it('loses no acknowledged change and raises none that was lifted, killed 15 times at random moments', async () => {
  const report = await kills({ seed: SEED, kills: 15, addresses: true });
  expect(report.wrong).toEqual([]);
  // It is killed after its first answer at the earliest.
  expect(report.acknowledged).toBeGreaterThanOrEqual(15);
}, 300_000);
