import type { Stream } from '@libp2p/interface';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { StreamChannel } from '../../src/p2p/channel.ts';
import { randomHex } from '../../src/p2p/keys.ts';
import { SYNC_PROTOCOL } from '../../src/p2p/sync/sync.ts';
import { type SessionResult, syncSession } from '../../src/p2p/sync/sync-session.ts';
import { type BadPartner, badPartner, forgetful, Keepalives, noRegisters } from './bad-partner.ts';
import { addressOf, equal, eventually, House, type Router, write, writeBlock } from './house.ts';

/** What a member may be sent at once, and a second after that, bytes (src/p2p/sync/sync-partner.ts). */
const BURST = 64 * 1024 * 1024;
const PER_SECOND = 128 * 1024;
/** Chunks that were on their way when somebody looked, and what libp2p puts around 64 MiB of them, bytes. */
const ON_THE_WAY = 5 * 64 * 1024;
const AROUND = BURST / 50;
/** So long is watched what the taker still gets when it has had its share, milliseconds. */
const WATCH_MS = 1_000;
/** Almost as large as ops may be: a history of 2 MB, of which 40 sessions at once would bring more than the share. */
const LARGE_OPS = 70;

const house = new House();
const stops: (() => Promise<void>)[] = [];
const over = new AbortController();

/** A session of somebody who keeps nothing of it. */
async function converse(
  from: Router,
  stream: Stream,
  { digest, compare = false }: { digest: string; compare?: boolean },
): Promise<SessionResult> {
  const result = await syncSession(new StreamChannel(stream), {
    replica: forgetful(from.replica.home, digest),
    registers: noRegisters,
    clock: systemClock,
    signal: over.signal,
    compare,
  });
  stream.abort(new Error('the next one'));
  return result;
}

/** Opens sessions one after another, claiming to hold nothing. Answers how many began. */
async function takeEverything(from: Router, taker: BadPartner): Promise<number> {
  let began = 0;
  while (!over.signal.aborted) {
    try {
      const { theirOps } = await converse(from, await taker.dial(SYNC_PROTOCOL), {
        digest: '',
      });
      if (theirOps !== undefined) began += 1;
    } catch (error) {
      // It is refused or cut off now and then, and comes again.
      expect(error).toBeInstanceOf(Error);
      await systemClock.sleep(10);
    }
  }
  return began;
}

/**
 * Says 40 times a second that it holds something else, and in between that it holds the same; in a session it only compares, so
 * that none is in vain. Answers how often it was looked at.
 */
async function claimOthers(from: Router, claimer: BadPartner): Promise<number> {
  let looked = 0;
  await claimer.node.handle(SYNC_PROTOCOL, async (stream) => {
    looked += 1;
    await converse(from, stream, { digest: randomHex(32), compare: true });
  });
  const words = await Keepalives.open(claimer);
  while (!over.signal.aborted) {
    words.say({ digest: randomHex(32) });
    words.say({ digest: from.replica.digest, registersDigest: from.registers.digest });
    words.say({ digest: randomHex(32) });
    await systemClock.sleep(50);
  }
  return looked;
}

/** One scene, looked at by several tests. Times in milliseconds. */
interface Scene {
  readonly seconds: number;
  /** Bytes that went to who asks for everything, and its sessions. */
  readonly took: number;
  readonly sessions: number;
  /** Sessions with who claims other digests. */
  readonly looked: number;
  /** What honest members waited for blocks of each other, and a new one for everything. */
  readonly waits: readonly number[];
  readonly newcomerMs: number;
}
let scene: Scene;

beforeAll(async () => {
  const [a, b, c] = house.routers(3);
  if (a === undefined || b === undefined || c === undefined) throw new Error('no routers');
  for (let n = 0; n < LARGE_OPS; n++) {
    const apart = Array.from({ length: 800 }, () => `${randomHex(32)}/0`);
    const domain = { kind: 'domain', domain: `large${n}.example` } as const;
    write(a, [{ kind: 'block', a: { kind: 'home' }, b: domain, terms: {}, apart }]);
  }
  // The taker speaks no keep-alives; that is another test's matter.
  await house.start(a, { toleranceMs: 600_000 });
  await house.start(b, { bootstrap: [addressOf(a)] });
  await eventually('the two are equal', () => equal([a, b]));
  const taker = await badPartner(house, a, stops);
  const claimer = await badPartner(house, a, stops);
  const sent = () => a.network?.peers().find(({ peer }) => peer === taker.peer)?.bytesOut ?? 0;

  const began = performance.now();
  const seconds = () => (performance.now() - began) / 1_000;
  const bad = Promise.all([takeEverything(a, taker), claimOthers(a, claimer)]);
  await house.start(c, { bootstrap: [addressOf(a)] });
  const newcomer = eventually('a new one has everything', () => equal([a, c]), 30_000);
  const waits: number[] = [];
  const honest = (async () => {
    while (!over.signal.aborted) {
      const [from, to] = waits.length % 2 === 0 ? [a, b] : [b, a];
      const { id, envelope } = writeBlock(from, `honest${waits.length}`);
      from.network?.announceOp(envelope);
      waits.push(await eventually('an honest block', () => to.replica.op(id) !== undefined));
      await systemClock.sleep(100);
    }
  })();
  await eventually('it has had its share', () => sent() > BURST + PER_SECOND * seconds(), 40_000);
  await systemClock.sleep(WATCH_MS);
  const newcomerMs = await newcomer;
  const [took, lasted] = [sent(), seconds()];
  over.abort(new Error('the scene is over'));
  const [sessions, looked] = await bad;
  await honest;
  scene = { seconds: lasted, took, sessions, looked, waits, newcomerMs };
}, 60_000);

afterAll(async () => {
  over.abort();
  await Promise.all(stops.map((stop) => stop()));
  await house.stop();
});

describe('a member that asks for everything for ever', () => {
  it('gets its share, and then no more than trickles', () => {
    const { took, sessions, seconds } = scene;
    expect(took).toBeLessThan(BURST + PER_SECOND * seconds + ON_THE_WAY + AROUND);
    expect(sessions).toBeLessThanOrEqual(40 + 2 * seconds + 1);
  });

  it('keeps nobody from the others: blocks arrive, and a new router gets everything', () => {
    const sorted = scene.waits.toSorted((x, y) => x - y);
    expect(sorted.length).toBeGreaterThan(10);
    expect(sorted[Math.floor(sorted.length * 0.9)]).toBeLessThan(1_000);
    expect(sorted.at(-1)).toBeLessThan(3_000);
    expect(scene.newcomerMs).toBeLessThan(15_000);
  });
});

describe('a member that claims other digests for ever', () => {
  it('is looked at four times a second at most', () => {
    expect(scene.looked).toBeGreaterThan(0);
    expect(scene.looked).toBeLessThanOrEqual(4 * scene.seconds + 2);
  });
});
