/** Pairs of replicas that differ in a chosen way, and what a session between them costs. */
import { systemClock } from '../src/clock.ts';
import { generateKey, randomHex } from '../src/p2p/keys.ts';
import { type SessionResult, syncSession } from '../src/p2p/sync/sync-session.ts';
import { channelPair, type End } from '../test/p2p/channel-pair.ts';
import { copy, House, type Router, writeBlock } from '../test/p2p/house.ts';

/** Two routers that differ by so many ops. */
export interface Case {
  readonly name: string;
  readonly differing: number;
  readonly house: House;
  readonly a: Router;
  readonly b: Router;
}

/** How the ops in which two routers differ came about. */
export const SHAPES = ['one ahead', 'both ahead', 'by thirty routers', 'after 3,650 starts'] as const;
export type Shape = (typeof SHAPES)[number];

const ROUTERS = 30;
const STARTS = 3_650;

/** @param history ops that both hold */
export function makeCase(shape: Shape, differing: number, history: number): Case {
  const house = new House();
  const [a, b] = house.routers(2);
  if (a === undefined || b === undefined) throw new RangeError('no routers');
  if (shape === 'after 3,650 starts') {
    for (let n = 0; n < STARTS; n++) writeBlock({ ...a, run: randomHex(16) }, `start${n}`);
  }
  for (let n = 0; n < history; n++) writeBlock(a, `held${n}`);
  const others = shape === 'by thirty routers' ? authors(house, a) : [a];
  copy(a.replica, b.replica);
  for (let n = 0; n < differing; n++) {
    const name = `differs${n}`;
    if (shape === 'both ahead' && n % 2 === 1) writeBlock(b, name);
    else writeBlock(others[n % others.length] ?? a, name);
  }
  return { name: shape, differing, house, a, b };
}

/** More routers of the home whose ops lie at `a`. */
function authors(house: House, a: Router): Router[] {
  return Array.from({ length: ROUTERS }, () => {
    const key = generateKey();
    house.admit(a, key.peer);
    return { ...a, key, run: randomHex(16) };
  });
}

/** What went over a channel: messages, bytes, and round trips: half of the longest chain of messages that each waited for one. */
export interface Cost {
  readonly messages: number;
  readonly bytes: number;
  readonly roundTrips: number;
  readonly ms: number;
  readonly results: readonly [SessionResult, SessionResult];
}

/** A whole session in memory. */
export async function costOf({ a, b }: Case): Promise<Cost> {
  const seen = { messages: 0, bytes: 0, left: 0, right: 0 };
  /** Per direction the depths of the messages on their way. */
  const onWay: { left: number[]; right: number[] } = { left: [], right: [] };
  const [left, right] = channelPair((message, side) => {
    seen.messages += 1;
    seen.bytes += message.length;
    onWay[side].push(seen[side] + 1);
  });
  const heard = (end: End, side: 'left' | 'right', from: 'left' | 'right'): End => ({
    send: (message) => end.send(message),
    close: () => end.close(),
    receive: async () => {
      const message = await end.receive();
      seen[side] = Math.max(seen[side], onWay[from].shift() ?? 0);
      return message;
    },
  });
  // The agent's timers keep no process alive, and nothing else runs here.
  const held = setInterval(() => undefined, 60_000);
  const began = performance.now();
  const run = async (router: Router, end: End) => {
    const { replica, registers } = router;
    const signal = AbortSignal.timeout(600_000);
    const result = await syncSession(end, { replica, registers, clock: systemClock, signal });
    end.close();
    return result;
  };
  const results = await Promise.all([
    run(a, heard(left, 'left', 'right')),
    run(b, heard(right, 'right', 'left')),
  ]);
  const ms = performance.now() - began;
  clearInterval(held);
  const { messages, bytes } = seen;
  return { messages, bytes, roundTrips: Math.max(seen.left, seen.right) / 2, ms, results };
}
