import type { Clock } from '../../src/clock.ts';
import type { ReplicatedOps } from '../../src/p2p/replicated.ts';
import type { Partner } from '../../src/p2p/sync/sync-admission.ts';
import { type SessionResult, syncSession } from '../../src/p2p/sync/sync-session.ts';
import type { Channel } from '../../src/p2p/sync/sync-talk.ts';
import { encodeSync } from '../../src/p2p/sync/sync-wire.ts';
import { encodeOp } from '../../src/policy/op.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { channelPair, type Tap } from './channel-pair.ts';
import { House, type Router } from './house.ts';

/** What a test changes about a session. */
export interface Sides {
  readonly clock?: Clock;
  readonly tap?: Tap;
  readonly onBatch?: (edge: 'begin' | 'end') => void;
  readonly replica?: ReplicatedOps;
  readonly onProgress?: (received: number, expected: number) => void;
  readonly partner?: Partner;
}

/** One side of a session. */
export function session(router: Router, channel: Channel, sides: Sides = {}): Promise<SessionResult> {
  return syncSession(channel, {
    replica: sides.replica ?? router.replica,
    registers: router.registers,
    clock: sides.clock ?? new FakeClock(),
    signal: new AbortController().signal,
    onBatch: sides.onBatch,
    onProgress: sides.onProgress,
    partner: sides.partner,
  });
}

/** A whole session; what `sides` says is for the first router's side. */
export async function sync(a: Router, b: Router, sides: Sides = {}): Promise<[SessionResult, SessionResult]> {
  const [left, right] = channelPair(sides.tap);
  const end = async (channel: typeof left, running: Promise<SessionResult>) => {
    const result = await running;
    channel.close();
    return result;
  };
  return await Promise.all([end(left, session(a, left, sides)), end(right, session(b, right))]);
}

/** Three routers of one home that know each other. */
export function pair(): [Router, Router, Router] {
  const [a, b, c] = new House().routers(3);
  if (a === undefined || b === undefined || c === undefined) throw new Error('no routers');
  return [a, b, c];
}

/** A replica whose every verification takes a millisecond of the clock beside it, and the sleeps that were asked for. */
export function slowly(inner: ReplicatedOps): { clock: Clock; replica: ReplicatedOps; slept: number[] } {
  const timers = new FakeClock();
  const slept: number[] = [];
  let elapsed = 0;
  const replica = new Proxy<ReplicatedOps>(inner, {
    get(target, name) {
      if (name === 'admit') {
        return (envelope: Uint8Array) => {
          elapsed += 1;
          return target.admit(envelope);
        };
      }
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  const clock: Clock = {
    now: () => 0,
    monotonic: () => elapsed,
    after: (ms, run) => timers.after(ms, run),
    sleep: async (ms) => {
      slept.push(ms);
    },
  };
  return { clock, replica, slept };
}

/** A hello with a digest that may be anything. */
export function helloOf(a: Router, digest: string): Uint8Array {
  return encodeSync({
    kind: 'hello',
    version: 1,
    home: a.replica.home,
    digest,
    registers: new Map(),
    ops: 0,
  });
}

/** An op of somebody who is no member. */
export function strangerOp(a: Router, key: Router['key'], i: number): Uint8Array {
  return encodeOp(
    { home: a.replica.home, peer: key.peer, run: a.run, seq: 1, prev: undefined },
    { at: i + 1, by: 'test', over: [], add: [] },
    key.sign,
  );
}
