import { key } from '../support/household.ts';
import { agree } from './judgement.ts';
import type { World } from './world.ts';

/** So many rounds of sessions are enough for any home; after them somebody still disagrees, and that is a failure. */
const ROUNDS = 12;
/** After so long a router with an empty store begins to speak of what it sees as somebody grown up (publisher.ts). */
const GROWN_MS = 61_000;

/**
 * The end of all faults: every path is good, everybody runs, people have done what only people can do, and the routers
 * talk until those that trust each other agree.
 */
export async function settle(world: World): Promise<void> {
  world.net.heal();
  for (const router of world.routers.values()) {
    if (router.life === undefined && !router.gone) await world.start(router);
  }
  await world.pass(10_000);
  typeInPaper(world);
  await talk(world);
  await world.pass(GROWN_MS);
  await talk(world);
  if (!agree(world)) {
    // Members refuse whom they know to be evicted, so that the word of a senior whom a junior evicted first may reach
    // nobody, although it counts. Then a person has to carry it. Without an eviction there is no such excuse.
    world.count.byHand += 1;
    if (world.count.evictions === 0) world.fail('the network alone does not agree', 'and nobody was evicted');
    await carry(world);
    await talk(world);
  }
  for (const router of world.present()) await router.flush();
}

/** Sessions between those that trust each other, until they agree. */
async function talk(world: World): Promise<void> {
  const talkers = stayed(world);
  for (let round = 0; round < ROUNDS; round++) {
    await everybody(talkers, (n, m) => world.sync(n, m));
    await world.pass(1_100);
    await admitAgain(world);
    if (agreed(world, talkers)) return;
  }
}

/** What one router knows is carried to the others, whatever they think of each other. */
async function carry(world: World): Promise<void> {
  await everybody(stayed(world), (n, m) => world.converse(n, m));
}

/** So that what one has reaches all in log2 steps. */
async function everybody(
  numbers: readonly number[],
  meet: (n: number, m: number) => Promise<void>,
): Promise<void> {
  for (let stride = 1; stride < numbers.length; stride *= 2) {
    for (const [i, n] of numbers.entries()) await meet(n, numbers[(i + stride) % numbers.length] ?? n);
  }
}

function stayed(world: World): number[] {
  return [...world.routers].filter(([, { gone }]) => !gone).map(([n]) => n);
}

/** What was done with the recovery key is typed in again wherever it is not known. */
function typeInPaper(world: World): void {
  for (const { life } of world.present()) for (const op of world.onPaper) life.replica.admit(op.envelope);
}

/**
 * An admission may be lost with the only disk that had it, or go with the router that wrote it and left before it told
 * the others. Whoever is admitted then finds nobody who has heard of it, and a person admits it once more.
 */
async function admitAgain(world: World): Promise<void> {
  for (const [n, { life, gone }] of world.routers) {
    if (life === undefined || gone) continue;
    const { peer } = key(n);
    for (const [m, other] of world.routers) {
      const self = other.life?.replica.member(other.key.peer);
      if (m === n || other.gone || self?.admin !== true || !other.life?.replica.isMember(self.peer)) continue;
      const company = stayed(world).filter((one) => one === m || world.reaches(m, one));
      if (company.some((one) => world.life(one)?.replica.member(peer) !== undefined)) continue;
      await world.write(m, { over: [], add: [{ kind: 'admit', peer, admin: true }] });
      break;
    }
  }
}

/** Whether all that can talk to each other hold the same. */
function agreed(world: World, talkers: readonly number[]): boolean {
  return talkers.every((n, i) =>
    talkers.slice(i + 1).every((m) => {
      const [a, b] = [world.life(n), world.life(m)];
      if (a === undefined || b === undefined || !world.reaches(n, m)) return true;
      return a.replica.digest === b.replica.digest && a.registers.digest === b.registers.digest;
    }),
  );
}
