import { genesis } from '../support/household.ts';
import { type Judgement, judge } from './oracle.ts';
import { isRunning, type Running, type SimRouter } from './sim-router.ts';
import type { World } from './world.ts';

/** A router's fold is what its ops come to by definition. */
export function compareFold(world: World, router: SimRouter): void {
  if (!isRunning(router)) return;
  const { replica } = router.life;
  const held = heldBy(world, [router]);
  const wanted = judge(genesis, held.values());
  const counted = [...held.keys()].filter((id) => replica.counts(id)).sort();
  compare(world, 'what counts is not what counts by definition', counted, [...wanted.counted].sort());
  compare(
    world,
    'what is live is not what lives by definition',
    [...replica.live.keys()].sort(),
    wanted.live,
  );
  const members = replica.members().map(({ peer }) => peer);
  const present = members.filter((peer) => replica.isMember(peer)).sort();
  compare(world, 'the members are not those by definition', present, [...wanted.members].sort());
}

/**
 * After all faults have ended: the members that are left agree, count what counts of all that any of them holds or had on
 * its disk (which is what was acknowledged and not lost with the only disk that had it), show what the oracle says, and
 * find it all on their disks.
 */
export async function judgeWorld(world: World): Promise<void> {
  const { routers, judgement } = remaining(world);
  const [first] = routers;
  if (first === undefined) return;
  for (const router of routers) {
    const { replica } = router.life;
    compare(world, 'digests differ', replica.digest, first.life.replica.digest);
    compare(world, 'a record is lost or risen', [...replica.live.keys()].sort(), judgement.live);
    for (const id of judgement.counted) {
      if (!replica.counts(id)) world.fail('an op does not count everywhere', `${name(router)}: ${id}`);
    }
    compare(world, 'registers differ', described(router, judgement), described(first, judgement));
  }
  for (const router of routers) await compareDisk(world, router);
}

/** Another life from the same disk knows the same. */
async function compareDisk(world: World, router: Running): Promise<void> {
  await router.flush();
  const { digest } = router.life.replica;
  const live = [...router.life.replica.live.keys()].sort();
  router.kill();
  await world.start(router);
  if (!isRunning(router)) return;
  compare(world, 'another digest after a restart', router.life.replica.digest, digest);
  compare(world, 'other records after a restart', [...router.life.replica.live.keys()].sort(), live);
}

/** Whether the members that are left hold the same. */
export function agree(world: World): boolean {
  const { routers, judgement } = remaining(world);
  return routers.every(
    (router) =>
      router.life.replica.digest === routers[0]?.life.replica.digest &&
      JSON.stringify(described(router, judgement)) ===
        JSON.stringify(routers[0] && described(routers[0], judgement)),
  );
}

/** Routers that are members by all that they hold themselves, and what that is. */
function remaining(world: World): {
  routers: Running[];
  judgement: Judgement;
} {
  let routers = world.present();
  for (;;) {
    const held = heldBy(world, routers);
    const judgement = judge(genesis, held.values());
    const members = routers.filter(({ key }) => judgement.members.has(key.peer));
    if (members.length === routers.length) return { routers, judgement };
    routers = members;
  }
}

/** Every op that one of them holds, or was told to keep. */
function heldBy(world: World, routers: readonly SimRouter[]): Map<string, Uint8Array> {
  const held = [...world.written.values()].filter(({ id }) =>
    routers.some(({ life, kept }) => kept.has(id) || life?.replica.op(id) !== undefined),
  );
  return new Map(held.map(({ id, envelope }) => [id, envelope]));
}

/** What a life says of every node in the registers of the members. */
function described({ life }: Running, { members }: Judgement): string[] {
  return [...life.registers.all()]
    .filter(({ peer }) => members.has(peer))
    .map(({ peer, node, gen, rev, envelope }) => `${peer} ${node} ${gen}.${rev} ${envelope.length}`)
    .sort();
}

function compare(world: World, what: string, has: unknown, wanted: unknown): void {
  const [x, y] = [JSON.stringify(has), JSON.stringify(wanted)];
  if (x !== y) world.fail(what, `has ${x}, wanted ${y}`);
}

function name({ key }: SimRouter): string {
  return key.peer.slice(0, 8);
}
