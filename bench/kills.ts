/** How often an agent that dies at a random moment loses what it had acknowledged: never. */
import { kills as runKills } from '../test/durability/kills.ts';
import type { Bench } from './bench.ts';
import { atMost } from './figures.ts';

export const kills: Bench<'count' | 'seed'> = {
  name: 'kills',
  describe: 'kill -9 at random points of a busy agent: no acknowledged change is lost',
  options: {
    count: { describe: 'kills', default: 1_000 },
    seed: { describe: 'seed of the moments and of the changes', default: 1 },
  },
  async run({ count, seed }, { tell, signal }) {
    const report = await runKills({ seed, kills: count, addresses: true, signal, tell });
    return {
      figures: report,
      tables: [
        {
          title: `killed ${count} times, 5 to 400 ms after its first change`,
          columns: ['changes', 'count'],
          rows: [
            ['acknowledged', report.acknowledged],
            ['asked for and not answered when it died', report.open],
            ['acknowledged and not so afterwards', report.wrong.length],
          ],
        },
      ],
      targets: [atMost('acknowledged changes lost, or lifted ones back', report.wrong.length, 0, '')],
    };
  },
};
