import { Random } from './random.ts';

/**
 * One thing that happens. Routers are numbers; what makes no sense in a state (a router that is not there, that is down,
 * that may not write) does nothing, so that any part of a schedule can be played. `dice` is the seed of all chance
 * inside the action (loss, delay, new run ids), so that an action goes the same way whatever was left out before it.
 */
export type Action = { readonly dice: number } & (
  | { readonly do: 'block'; readonly at: number; readonly device: number; readonly domain: number }
  /** Retires the live blocks whose place in the list modulo four is `which`, and may add one in the same op. */
  | { readonly do: 'unblock'; readonly at: number; readonly which: number; readonly add: boolean }
  /** A session; `breaksAfter` so many messages the link is gone. */
  | { readonly do: 'sync'; readonly at: number; readonly with: number; readonly breaksAfter?: number }
  /** A router learns an address of a domain. */
  | { readonly do: 'see'; readonly at: number; readonly domain: number; readonly address: number }
  /** Nothing passes from one router to another, or neither way. */
  | { readonly do: 'cut'; readonly at: number; readonly to: number; readonly oneWay: boolean }
  /** Nothing passes between these routers and the others. */
  | { readonly do: 'split'; readonly routers: readonly number[] }
  | { readonly do: 'heal' }
  /** `writing`: in the middle of a change of its own. */
  | { readonly do: 'kill'; readonly at: number; readonly writing: boolean }
  | { readonly do: 'start'; readonly at: number }
  /** The disk is lost. */
  | { readonly do: 'wipe'; readonly at: number }
  | { readonly do: 'copy'; readonly at: number }
  /** The disk is as it was at the last copy. */
  | { readonly do: 'put-back'; readonly at: number }
  /** A twin of the router, made of a snapshot of its running memory, writes on the network of another. */
  | { readonly do: 'fork'; readonly at: number; readonly where: number; readonly domain: number }
  | { readonly do: 'wait'; readonly ms: number }
  /** The wall clock of a router says something else, Unix milliseconds. */
  | { readonly do: 'jump'; readonly at: number; readonly wall: number }
  /** A new router, number `as`, is admitted. */
  | { readonly do: 'join'; readonly at: number; readonly as: number; readonly admin: boolean }
  /** An invitation is written, or all that a router knows of are withdrawn. */
  | { readonly do: 'invite'; readonly at: number; readonly withdraw: boolean }
  | { readonly do: 'leave'; readonly at: number; readonly with: number }
  | { readonly do: 'evict'; readonly at: number; readonly whom: number }
  /** Two routers evict each other before they hear of it. */
  | { readonly do: 'quarrel'; readonly at: number; readonly whom: number }
  /** The recovery key, typed in at a router, evicts another. */
  | { readonly do: 'recover'; readonly at: number; readonly whom: number }
  /** An evicted router goes on: after its last op, before it, or as a new run. */
  | { readonly do: 'defy'; readonly at: number; readonly how: 'on' | 'back' | 'anew' }
  /** The router's fold is compared with what its ops come to by definition. */
  | { readonly do: 'look'; readonly at: number }
);

/** A home of `agents` routers, and what happens to it. */
export interface Schedule {
  readonly seed: number;
  readonly agents: number;
  readonly actions: readonly Action[];
}

const WEIGHTS: Readonly<Record<Action['do'], number>> = {
  block: 22,
  unblock: 15,
  sync: 26,
  see: 10,
  cut: 3,
  split: 3,
  heal: 4,
  kill: 5,
  start: 16,
  wipe: 1.2,
  copy: 3,
  'put-back': 2.5,
  fork: 4,
  wait: 8,
  jump: 3,
  join: 2,
  invite: 5,
  leave: 0.8,
  evict: 1.6,
  quarrel: 0.7,
  recover: 0.6,
  defy: 3,
  look: 4,
};

/** At most so many routers, those that join included. */
export const MAX_ROUTERS = 40;

/** Everything that happens, drawn from the seed. Small homes are far more frequent: there the strange cases meet. */
export function draw(
  seed: number,
  size: { readonly least: number; readonly most: number },
  steps: number,
): Schedule {
  const random = new Random(seed);
  const agents = size.least + Math.floor((size.most - size.least + 1) * random.next() ** 8);
  let routers = agents;
  const actions = Array.from({ length: steps }, () => {
    const kind = random.choose(WEIGHTS);
    const action = drawOne(kind, random, routers);
    if (action.do === 'join') routers += 1;
    return action;
  });
  return { seed, agents, actions };
}

function drawOne(kind: Action['do'], random: Random, routers: number): Action {
  const dice = random.below(2 ** 32);
  const at = random.below(routers);
  const other = (at + 1 + random.below(routers - 1)) % routers;
  switch (kind) {
    case 'block':
      return { do: kind, dice, at, device: random.below(4), domain: random.below(5) };
    case 'unblock':
      return { do: kind, dice, at, which: random.below(4), add: random.chance(0.3) };
    case 'sync': {
      const broken = random.chance(0.2) ? { breaksAfter: 1 + random.below(11) } : {};
      return { do: kind, dice, at, with: other, ...broken };
    }
    case 'see':
      return { do: kind, dice, at, domain: random.below(5), address: random.below(250) };
    case 'cut':
      return { do: kind, dice, at, to: other, oneWay: random.chance(0.5) };
    case 'split':
      return { do: kind, dice, routers: someOf(routers, random) };
    case 'heal':
      return { do: kind, dice };
    case 'kill':
      return { do: kind, dice, at, writing: random.chance(0.5) };
    case 'start':
    case 'wipe':
    case 'copy':
    case 'put-back':
    case 'look':
      return { do: kind, dice, at };
    case 'fork':
      return { do: kind, dice, at, where: other, domain: random.below(5) };
    case 'wait':
      return { do: kind, dice, ms: random.chance(0.2) ? 70_000 : random.below(3_000) };
    case 'jump':
      return { do: kind, dice, at, wall: random.pick([0, 1, 1.7e12, 4e12, 2 ** 52]) ?? 0 };
    case 'join':
      return routers < MAX_ROUTERS
        ? { do: kind, dice, at, as: routers, admin: random.chance(0.7) }
        : { do: 'heal', dice };
    case 'invite':
      return { do: kind, dice, at, withdraw: random.chance(0.2) };
    case 'leave':
      return { do: kind, dice, at, with: other };
    case 'evict':
    case 'quarrel':
    case 'recover':
      return { do: kind, dice, at, whom: other };
    case 'defy':
      return { do: kind, dice, at, how: random.pick(['on', 'back', 'anew'] as const) ?? 'on' };
  }
}

function someOf(routers: number, random: Random): number[] {
  return Array.from({ length: routers }, (_, n) => n).filter(() => random.chance(0.5));
}
