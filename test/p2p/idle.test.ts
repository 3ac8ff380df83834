import { afterEach, expect, it, vi } from 'vitest';
import { Traffic } from '../../src/p2p/traffic.ts';
import { addressOf, eventually, House } from './house.ts';

const house = new House();

afterEach(async () => {
  vi.restoreAllMocks();
  await house.stop();
});

it('a link on which only keep-alives run is of no use: all that they cost on a real connection is left out', async () => {
  const [a, b] = house.routers(2);
  if (a === undefined || b === undefined) throw new Error('no routers');
  const frames = vi.spyOn(Traffic.prototype, 'idle');
  const useful = vi.spyOn(Traffic.prototype, 'useful');
  /** What one of the two counts. */
  const inUse = () => {
    const { contexts, results } = useful.mock;
    return Number(results[contexts.lastIndexOf(contexts[0] as Traffic)]?.value);
  };
  await house.start(a, { toleranceMs: 4_000 });
  await house.start(b, { toleranceMs: 4_000, bootstrap: [addressOf(a)] });
  await eventually('they have settled', () => frames.mock.calls.length > 12);
  const [before, then] = [inUse(), frames.mock.calls.length];
  await eventually('more keep-alives', () => frames.mock.calls.length >= then + 24);
  // Each of the two sees half of the frames; a link counts as used above 17 bytes a second (link-policy.ts).
  expect(inUse() - before).toBeLessThan(12 * 10);
});
