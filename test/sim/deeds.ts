import { decodeOp, encodeOp } from '../../src/policy/op.ts';
import type { Head, Record } from '../../src/policy/records.ts';
import { blockOf, crypto, key } from '../support/household.ts';
import { compareFold } from './judgement.ts';
import type { Action } from './schedule.ts';
import { STEP_MS, type World } from './world.ts';

/** Plays one action. What makes no sense in the state of the world does nothing. */
export async function act(world: World, action: Action): Promise<void> {
  const router = 'at' in action ? world.routers.get(action.at) : undefined;
  if ('at' in action && (router === undefined || router.gone)) return;
  switch (action.do) {
    case 'block':
      await world.write(action.at, { over: [], add: [blockOf(action.device, domain(action.domain))] });
      break;
    case 'unblock': {
      const over = blocks(world, action.at).filter((_, index) => index % 4 === action.which);
      if (over.length > 0) await world.write(action.at, { over, add: action.add ? [someBlock(world)] : [] });
      break;
    }
    case 'sync':
      await world.sync(action.at, action.with, action.breaksAfter);
      break;
    case 'see':
      router?.life?.cache.apply({
        kind: 'answer',
        domain: domain(action.domain),
        chain: [],
        addresses: [`203.0.113.${action.address}`],
        ttlS: 60,
      });
      router?.life?.publisher.notify();
      break;
    case 'cut':
      world.net.cut(action.at, action.to);
      if (!action.oneWay) world.net.cut(action.to, action.at);
      break;
    case 'split':
      world.net.split(action.routers);
      break;
    case 'heal':
      world.net.heal();
      break;
    case 'kill':
      // Between the op and the disk: nobody was told of it, and it may be there after the restart or not.
      if (action.writing) world.make(action.at, { over: [], add: [someBlock(world)] });
      router?.kill();
      break;
    case 'start':
      if (router !== undefined && router.life === undefined) await world.start(router);
      break;
    case 'wipe':
      world.count.losses += 1;
      router?.wipe();
      break;
    case 'copy':
      await router?.copy();
      break;
    case 'put-back':
      if (await router?.putBack()) world.count.putBack += 1;
      break;
    case 'fork':
      await fork(world, action.at, action.where, domain(action.domain));
      break;
    case 'wait':
      await world.pass(action.ms);
      break;
    case 'jump':
      world.setWall(action.at, action.wall);
      break;
    case 'join':
      await join(world, action.at, action.as, action.admin);
      break;
    case 'invite':
      await world.write(action.at, {
        over: action.withdraw
          ? (world.life(action.at)?.replica.openInvitations() ?? []).map(({ id }) => id)
          : [],
        add: action.withdraw ? [] : [{ kind: 'invite', key: world.dice.hex(32), admin: true, until: 1.8e12 }],
      });
      break;
    case 'leave':
      await leave(world, action.at, action.with);
      break;
    case 'evict':
      await evict(world, action.at, action.whom);
      break;
    case 'quarrel':
      world.net.cut(action.at, action.whom);
      world.net.cut(action.whom, action.at);
      await evict(world, action.at, action.whom);
      await evict(world, action.whom, action.at);
      break;
    case 'recover': {
      const record = eviction(world, action.at, action.whom);
      if (record === undefined) break;
      world.count.evictions += 1;
      await world.writeOnPaper(action.at, { over: [], add: [record] });
      break;
    }
    case 'defy':
      await defy(world, action.at, action.how);
      break;
    case 'look':
      world.count.looks += 1;
      if (router !== undefined) compareFold(world, router);
      break;
  }
  await world.pass(STEP_MS);
}

/** The twin writes the same seq once more, on the network of another router. */
async function fork(world: World, n: number, where: number, name: string): Promise<void> {
  const mine = world.life(n);
  const other = world.routers.get(where);
  const { peer } = key(n);
  if (mine === undefined || other?.life === undefined || !mine.replica.isMember(peer)) return;
  const heads = mine.replica.heads([peer]).find(({ run }) => run === mine.run)?.heads ?? [];
  const last = mine.replica.op(world.dice.pick(heads)?.id ?? '');
  if (last === undefined) return;
  const envelope = encodeOp(
    { home: mine.replica.home, peer, run: last.run, seq: last.seq, prev: last.prev },
    { at: 7, by: 'twin', over: [], add: [blockOf(world.dice.below(4), name)] },
    key(n).sign,
  );
  const verdict = other.life.replica.admit(envelope);
  if (verdict.verdict !== 'ok') return;
  world.count.forks += 1;
  world.note(verdict.op);
  await other.flush();
}

async function join(world: World, by: number, as: number, admin: boolean): Promise<void> {
  const life = world.life(by);
  if (life === undefined || world.routers.has(as)) return;
  // With an invitation of anybody's that this router has heard of and may admit by, or without one.
  const [invitation] = world.dice.chance(0.7) ? life.replica.openInvitations() : [];
  const over = invitation === undefined ? [] : [invitation.id];
  const invite = invitation === undefined ? {} : { invite: invitation.key };
  const op = await world.write(by, { over, add: [{ kind: 'admit', peer: key(as).peer, admin, ...invite }] });
  if (op === undefined) return;
  world.count.joins += 1;
  if (invitation !== undefined) world.count.invited += 1;
  const sponsors = life.replica.members().filter(({ peer, depth }) => depth >= 0 && peer !== key(as).peer);
  await world.start(
    world.add(
      as,
      sponsors.map(({ peer }) => peer),
    ),
  );
  await world.sync(as, by);
}

async function leave(world: World, n: number, partner: number): Promise<void> {
  const router = world.routers.get(n);
  if (router === undefined || world.present().length <= 2) return;
  const op = await world.write(n, { over: [], add: [{ kind: 'leave' }] });
  if (op === undefined) return;
  world.count.leaves += 1;
  // Those that it can reach hear it before it goes; if that fails the others go on taking it for a member.
  const to = world.life(partner);
  if (to !== undefined && world.net.passes(n, partner)) to.replica.admit(op.envelope);
  await world.pass(0);
  router.kill();
  router.gone = true;
}

async function evict(world: World, n: number, whom: number): Promise<void> {
  const record = eviction(world, n, whom);
  if (record === undefined || (await world.write(n, { over: [], add: [record] })) === undefined) return;
  world.count.evictions += 1;
}

/** As `hedgerow evict` writes it: the heads of all runs of the router that this one has seen. */
function eviction(world: World, n: number, whom: number): Record | undefined {
  const { peer } = key(whom);
  const replica = world.life(n)?.replica;
  if (n === whom || !replica?.isMember(peer)) return undefined;
  const heads: Head[] = replica
    .heads([peer])
    .flatMap((actor) => actor.heads.map(({ id, seq }) => ({ run: actor.run, seq, id })));
  return { kind: 'evict', peer, heads };
}

/** A router that was evicted writes and talks as if nothing had happened, and makes up a past for itself. */
async function defy(world: World, n: number, how: 'on' | 'back' | 'anew'): Promise<void> {
  const life = world.life(n);
  const { peer, sign } = key(n);
  if (life === undefined || !world.wasEvicted(peer)) return;
  const own = [...world.written.values()].filter((op) => op.peer === peer);
  const after = how === 'anew' ? undefined : how === 'on' ? own.at(-1) : world.dice.pick(own);
  const envelope = encodeOp(
    {
      home: life.replica.home,
      peer,
      run: after?.run ?? world.dice.hex(16),
      seq: (after?.seq ?? 0) + 1,
      prev: after?.id,
    },
    { at: 1, by: 'rogue', over: blocks(world, n), add: [someBlock(world)] },
    sign,
  );
  const decoded = decodeOp(envelope, life.replica.home, crypto);
  if (!decoded.ok) return;
  world.count.defiances += 1;
  world.note(decoded.op);
  life.replica.admit(envelope);
  world.tell(n, ({ replica }) => replica.admit(envelope));
}

function blocks(world: World, n: number): string[] {
  const live = world.life(n)?.replica.live.values() ?? [];
  return [...live].filter(({ record }) => record.kind === 'block').map(({ id }) => id);
}

function someBlock(world: World): Record {
  return blockOf(world.dice.below(4), domain(world.dice.below(5)));
}

function domain(n: number): string {
  return `d${n}.example`;
}
