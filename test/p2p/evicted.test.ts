import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Clock, systemClock } from '../../src/clock.ts';
import type { Op } from '../../src/policy/op.ts';
import type { Head } from '../../src/policy/records.ts';
import { addressOf, copy, equal, eventually, House, type Router, write, writeBlock } from './house.ts';

let house = new House();
/** While set, what is done about once a second waits: the looks at who is a member. */
let still = false;
const clock: Clock = {
  ...systemClock,
  sleep: async (ms, signal) => {
    await systemClock.sleep(ms, signal);
    while (still && ms > 800 && ms < 1_200) await systemClock.sleep(10, signal);
  },
};
let [a, b, c]: Router[] = [];

/** The agent tells its overlay of such ops as they come; here the routers of the house do. */
function noticing(router: () => Router | undefined): (op: Op) => void {
  return (op) => {
    if (op.add.some(({ kind }) => kind === 'evict' || kind === 'leave')) router()?.network?.membersChanged();
  };
}

beforeEach(async () => {
  house = new House();
  still = false;
  const first = house.router(
    house.founder,
    noticing(() => a),
  );
  const [second, third] = [
    house.router(
      undefined,
      noticing(() => b),
    ),
    house.router(
      undefined,
      noticing(() => c),
    ),
  ];
  [a, b, c] = [first, second, third];
  for (const router of [second, third]) house.admit(first, router.key.peer);
  for (const router of [second, third]) copy(first.replica, router.replica);
  await house.start(first, { clock });
  await house.start(second, { clock, bootstrap: [addressOf(first)] });
  await house.start(third, { clock, bootstrap: [addressOf(first), addressOf(second)] });
  await eventually('all are connected', () =>
    [first, second, third].every((router) => router.network?.reachable().length === 2),
  );
});

afterEach(async () => await house.stop());

function routers(): [Router, Router, Router] {
  if (a === undefined || b === undefined || c === undefined) throw new Error('no routers');
  return [a, b, c];
}

/** The heads of a router that another one knows. */
function heads(of: Router, at: Router): Head[] {
  return at.replica
    .heads([of.key.peer])
    .flatMap(({ run, heads: all }) => all.map(({ id, seq }) => ({ run, id, seq })));
}

const connected = (router: Router, to: Router) =>
  (router.network?.peers().find(({ peer }) => peer === to.key.peer)?.connections ?? 0) > 0;

it('an evicted router is cut off at once by all, and what it writes later is nothing to anybody', async () => {
  const [first, second, third] = routers();
  const kept = writeBlock(third, 'kept');
  third.network?.announceOp(kept.envelope);
  await eventually('all have it', () => equal(routers()));
  // What has its key and knows nothing of an eviction, or does not care.
  const thief = house.router(third.key);
  copy(third.replica, thief.replica);
  // Nobody looks meanwhile: the notice alone must bring it about.
  still = true;
  const op = write(first, [{ kind: 'evict', peer: third.key.peer, heads: heads(third, first) }]);
  first.network?.announceOp(op.envelope);
  await eventually('cut off by both', () => {
    return third.network?.reachable().length === 0 && !connected(first, third) && !connected(second, third);
  });
  still = false;

  const digest = first.replica.digest;
  const late = writeBlock(thief, 'late');
  third.network?.announceOp(late.envelope);
  expect([first, second].map(({ replica }) => replica.admit(late.envelope).verdict)).toEqual(['cut', 'cut']);
  await eventually(
    'it comes back and is refused',
    () => (first.network?.stats()['refused.inbound'] ?? 0) > 1,
  );
  const after = writeBlock(first, 'after');
  first.network?.announceOp(after.envelope);
  await eventually('the others go on', () => equal([first, second]));
  expect(first.replica.digest).not.toBe(digest);
  expect(second.replica.holds(late.id)).toBe(false);
  expect(third.replica.holds(after.id)).toBe(false);
  expect(second.replica.live.has(`${kept.id}/0`)).toBe(true);
});

it('a router that goes is known to have gone before it is cut off', async () => {
  const [first, second, third] = routers();
  const op = write(third, [{ kind: 'leave' }]);
  third.network?.announceOp(op.envelope);
  await eventually('it hears that both know', () => {
    const others = third.network?.peers() ?? [];
    return others.length === 2 && others.every(({ digestEqual }) => digestEqual === true);
  });
  expect([first, second].map(({ replica }) => replica.isMember(third.key.peer))).toEqual([false, false]);
  await eventually('then it is cut off', () => third.network?.reachable().length === 0, 8_000);
});
