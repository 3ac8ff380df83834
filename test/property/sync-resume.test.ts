import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { SessionResult } from '../../src/p2p/sync/sync-session.ts';
import { decodeSync } from '../../src/p2p/sync/sync-wire.ts';
import { channelPair, type End } from '../p2p/channel-pair.ts';
import { copy, House, type Router, writeBlock } from '../p2p/house.ts';
import { session } from '../p2p/sessions.ts';

/** Chunks on their way at once, and how many ops fit one at most: what a break may make go over the wire again, each way. */
const WINDOW_OPS = 4 * 260;
/** Ops that either side lacks: four chunks and two. */
const LACKS = [900, 500] as const;

const house = new House();
const [a, b] = house.routers(2) as [Router, Router];
for (let i = 0; i < LACKS[1]; i++) writeBlock(a, `a${i}`);
for (let i = 0; i < LACKS[0]; i++) writeBlock(b, `b${i}`);

/** The two routers as they were before they met, each with its own ops. */
function fresh(): [Router, Router] {
  const pairs = [a, b].map((router) => {
    const again = house.router(router.key);
    copy(router.replica, again.replica);
    return { ...again, run: router.run };
  });
  return pairs as [Router, Router];
}

interface Went {
  /** Ops on the wire, both ways. */
  readonly ops: number;
  readonly messages: number;
  readonly results: readonly [SessionResult, SessionResult];
}

/** A session that breaks after so many messages. */
async function converse(left: Router, right: Router, breaksAfter = Number.POSITIVE_INFINITY): Promise<Went> {
  let [ops, messages] = [0, 0];
  const ends = channelPair((message) => {
    if (++messages > breaksAfter) for (const end of ends) end.close();
    const read = decodeSync(message);
    if (read.ok && read.value.kind === 'ops') ops += read.value.envelopes.length;
  });
  const run = async (router: Router, end: End) => {
    const result = await session(router, end);
    end.close();
    return result;
  };
  const results = await Promise.all([run(left, ends[0]), run(right, ends[1])]);
  return { ops, messages, results };
}

it('a session that breaks at any message goes on from what was admitted, and little goes over the wire twice', async () => {
  const whole = await converse(...fresh());
  expect(whole.ops).toBe(LACKS[0] + LACKS[1]);
  // Every message number would verify the same ops too often: each of the first and the last, and some between.
  const every = Array.from({ length: whole.messages }, (_, i) => i);
  const tried = every.filter((i) => i < 10 || i > whole.messages - 4 || i % 5 === 0);
  for (const at of tried) {
    const [left, right] = fresh();
    const before = [left.replica.size, right.replica.size] as const;
    const broken = await converse(left, right, at);
    const came = left.replica.size - before[0] + right.replica.size - before[1];
    const rest = await converse(left, right);
    expect(left.replica.digest).toBe(right.replica.digest);
    // Exactly what is missing comes, nothing that is held.
    expect(rest.ops, `broken at ${at}`).toBe(whole.ops - came);
    expect(rest.results.every(({ opsHeld }) => opsHeld === 0)).toBe(true);
    expect(broken.ops + rest.ops, `broken at ${at}`).toBeLessThanOrEqual(whole.ops + 2 * WINDOW_OPS);
  }
}, 300_000);

it('a session that breaks again and again ends all the same', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 9, max: 30 }), { minLength: 1, maxLength: 6 }),
      async (breaks) => {
        const [left, right] = fresh();
        let ops = 0;
        for (const at of breaks) ops += (await converse(left, right, at)).ops;
        ops += (await converse(left, right)).ops;
        expect(left.replica.digest).toBe(right.replica.digest);
        expect(ops).toBeLessThanOrEqual(LACKS[0] + LACKS[1] + breaks.length * 2 * WINDOW_OPS);
      },
    ),
    { numRuns: 5 },
  );
}, 300_000);
