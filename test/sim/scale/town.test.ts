import { describe, expect, it, vi } from 'vitest';
import { RoundTrips } from '../../../src/p2p/alive/round-trips.ts';
import { detect } from './detection.ts';
import { passing } from './pass.ts';
import { isConnected } from './scale-run.ts';
import { SwimTown } from './swim-town.ts';
import { Town } from './town.ts';

const pass = passing();

async function standing(agents: number, seed: number, loss: number, ms = 10_000): Promise<Town> {
  const town = new Town({ agents, seed, loss });
  await town.start(ms);
  return town;
}

function block(town: Town, n: number, name: string): string {
  const op = town.agents[n]?.write({
    kind: 'block',
    a: { kind: 'home' },
    b: { kind: 'domain', domain: `${name}.example` },
    terms: {},
    apart: [],
  });
  return op?.id ?? '';
}

describe('a town in virtual time', { timeout: 120_000 }, () => {
  it('goes the same way with the same seed, and another way with another', async () => {
    const trace = async (seed: number) => {
      const town = await standing(5, seed, 0.2);
      const op = block(town, 0, 'a');
      await town.timeline.run(20_000);
      return {
        found: town.found,
        arrivals: town.arrivals.get(op),
        counts: town.agents.map(({ count }) => count),
      };
    };
    const first = await trace(1);
    expect(await trace(1)).toEqual(first);
    expect(await trace(2)).not.toEqual(first);
  });

  it('of 30 agents is joined by links that are few, and agrees on an op at a loss of 1 %', async () => {
    const town = await standing(30, 1, 0.01);
    expect(isConnected(town)).toBe(true);
    expect(Math.max(...town.agents.map(({ wires }) => wires.size))).toBeLessThanOrEqual(16);
    const before = town.timeline.monotonic();
    const op = block(town, 7, 'a');
    await town.timeline.run(2_000);
    const arrivals = town.arrivals.get(op) ?? [];
    expect(arrivals).toHaveLength(30);
    expect((arrivals.at(-1) ?? Number.POSITIVE_INFINITY) - before).toBeLessThan(2_000);
    expect(new Set(town.agents.map(({ replica }) => replica.digest)).size).toBe(1);
  });

  it.each([
    { agents: 3, frames: 2, known: 20 },
    { agents: 12, frames: 7, known: 20 },
    { agents: 20, frames: 10, known: 30 },
  ])(
    'of $agents follows an op with $frames keep-alives of each at most, and its author knows who has it',
    async ({ agents, frames, known }) => {
      const town = await standing(agents, 1, 0, 15_000);
      const said = vi.spyOn(RoundTrips.prototype, 'sending');
      const during = async (run: () => Promise<void>) => {
        const before = said.mock.calls.length;
        await run();
        return said.mock.calls.length - before;
      };
      const OPS = 4;
      const rest = await during(() => town.timeline.run(3_000 * OPS));
      const all = await during(async () => {
        for (let n = 0; n < OPS; n++) {
          const author = town.agents[n];
          const op = block(town, n, `${n}`);
          await town.timeline.run(known);
          for (const { peer } of town.agents) {
            const { heardBy } = author?.liveness.of(peer) ?? {};
            // Whoever writes waits for these (src/p2p/peer-list.ts).
            const isWaitedFor = author?.wires.has(peer) || heardBy !== undefined;
            if (isWaitedFor) expect(author?.knowsApplied(peer, op)).toBe(true);
          }
          await town.timeline.run(3_000 - known);
        }
      });
      said.mockRestore();
      expect((all - rest) / OPS / agents).toBeLessThan(frames);
    },
  );

  it('brings by sync what gossip did not', async () => {
    const town = await standing(4, 1, 0);
    town.isolate(3);
    const ops = [block(town, 0, 'a'), block(town, 1, 'b'), block(town, 3, 'c')];
    await town.timeline.run(15_000);
    expect(town.arrivals.get(ops[0] ?? '')).toHaveLength(3);
    town.rejoin(3);
    const healed = town.timeline.monotonic();
    await town.timeline.run(6_000);
    for (const op of ops) {
      const arrivals = town.arrivals.get(op) ?? [];
      expect(arrivals).toHaveLength(4);
      expect((arrivals.at(-1) ?? 0) - healed).toBeLessThan(3_000);
    }
  });

  it('notices a killed agent within a second, and a silent cut within eight', async () => {
    const town = await standing(5, 1, 0);
    const kill = await detect(town, 1, 'kill', 10_000, pass);
    expect(kill).toMatchObject({ observers: 4, missed: 0, wrongly: 0 });
    expect(Math.max(...kill.noticed)).toBeLessThan(1_000);
    const cut = await detect(town, 2, 'silent cut', 10_000, pass);
    expect(cut).toMatchObject({ observers: 3, missed: 0, wrongly: 0 });
    expect(Math.max(...cut.down)).toBeLessThan(8_000);
    expect(cut.everybodyMs).toBe(Math.max(...cut.down));
  });

  it('is not judged by one that was stopped, or by one whose machine slept', async () => {
    const town = await standing(3, 1, 0);
    town.agents[0]?.machine.become('stopped');
    town.agents[1]?.machine.become('asleep');
    town.air.switchOff(1);
    await town.timeline.run(60_000);
    expect(town.found.filter(({ what }) => what === 'down').map(({ by, about }) => [by, about])).toEqual(
      expect.arrayContaining([
        [2, 0],
        [2, 1],
      ]),
    );
    town.air.switchOn(1);
    for (const n of [0, 1]) town.agents[n]?.machine.become('runs');
    await town.timeline.run(15_000);
    expect(town.found.filter(({ what, by }) => what === 'down' && by !== 2)).toEqual([]);
    for (const { liveness, peer } of town.agents) {
      const others = town.agents.filter((other) => other.peer !== peer);
      expect(others.map((other) => liveness.of(other.peer).state)).toEqual(['alive', 'alive']);
    }
  });

  it('keeps one up that only others hear', async () => {
    const town = await standing(3, 1, 0);
    town.air.cut(0, 1);
    town.air.cut(1, 0);
    await town.timeline.run(30_000);
    expect(town.found.filter(({ what }) => what === 'down')).toEqual([]);
    const third = town.agents[2]?.peer;
    expect(town.agents[0]?.liveness.of(town.agents[1]?.peer ?? '')).toMatchObject({
      state: 'suspect',
      heardBy: third,
    });
  });
});

describe('SWIM beside it', { timeout: 120_000 }, () => {
  it('finds who is gone, on the same air', async () => {
    const town = new SwimTown(5, 1, 0);
    await town.timeline.run(10_000);
    expect(town.faulty).toEqual([]);
    const times = await town.detect(2, 'silent cut', 15_000, pass);
    expect(times).toHaveLength(4);
    expect(Math.max(...times)).toBeLessThan(12_000);
  });

  it('takes back whom it called faulty and who lives', async () => {
    const town = new SwimTown(5, 1, 0);
    await town.detect(2, 'silent cut', 15_000, pass);
    for (let other = 0; other < 5; other++) {
      town.air.heal(2, other);
      town.air.heal(other, 2);
    }
    await town.timeline.run(10_000);
    expect(town.nodes[0]?.stateOf(1)).toBe('alive');
  });
});
