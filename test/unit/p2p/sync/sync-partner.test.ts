import { describe, expect, it } from 'vitest';
import { type RunningSession, SyncPartner } from '../../../../src/p2p/sync/sync-partner.ts';
import type { SessionResult } from '../../../../src/p2p/sync/sync-session.ts';
import { Talk } from '../../../../src/p2p/sync/sync-talk.ts';
import { encodeSync } from '../../../../src/p2p/sync/sync-wire.ts';
import { channelPair } from '../../../p2p/channel-pair.ts';
import { writeBlock } from '../../../p2p/house.ts';
import { helloOf, pair, session, slowly, sync } from '../../../p2p/sessions.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

const running = (): RunningSession => ({
  initiated: true,
  abort: new AbortController(),
  over: Promise.withResolvers(),
});

const result = (more: Partial<SessionResult>): SessionResult => ({
  ...{ outcome: 'done', reason: undefined, opsIn: 0, opsHeld: 0, opsRefused: 0, registersIn: 0, bytesIn: 0 },
  ...{ opsOut: 0, registersOut: 0, theirOps: 0, difference: [] },
  ...more,
});

describe('what one member may have of us', () => {
  it('is a burst of sessions, then two a second', async () => {
    const clock = new FakeClock();
    const partner = new SyncPartner(clock);
    const begun = () => {
      let count = 0;
      while (partner.mayBegin()) count += 1;
      return count;
    };
    expect(begun()).toBe(40);
    await clock.advance(10_000);
    expect(begun()).toBe(20);
  });

  it('is a whole large home at once, then 128 KiB a second, however often it asks for everything', async () => {
    const clock = new FakeClock();
    const partner = new SyncPartner(clock);
    const chunk = 60 * 1024;
    let sent = 0;
    while (clock.monotonic() < 3_600_000) {
      const wait = partner.send(chunk);
      sent += chunk;
      await clock.advance(Math.ceil(wait));
    }
    expect(sent).toBeLessThan(64 * 2 ** 20 + 3_601 * 128 * 1024);
    expect(sent).toBeGreaterThan(64 * 2 ** 20);
  });

  it('is a pause that doubles when sessions with it bring nothing and leave the difference', () => {
    const clock = new FakeClock();
    const partner = new SyncPartner(clock);
    const waits = Array.from({ length: 12 }, () => {
      partner.ended(running(), result({}));
      return partner.waitMs(50);
    });
    expect(waits).toEqual([50, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, ...Array(4).fill(30_000)]);
    partner.ended(running(), result({ opsIn: 1 }));
    expect(partner.waitMs(50)).toBe(50);
    // One that gave way to another was not in vain.
    for (let i = 0; i < 5; i++) {
      const session = running();
      session.abort.abort(new Error('another connection with this peer stays'));
      partner.ended(session, result({ outcome: 'failed' }));
    }
    expect(partner.waitMs(50)).toBe(50);
  });

  it('does not change by a comparison, and the one who waits hears of it', async () => {
    const partner = new SyncPartner(new FakeClock());
    const one = running();
    partner.session = one;
    partner.ended(one, result({ outcome: 'compared' }));
    expect(partner).toMatchObject({ session: undefined, last: undefined, inVain: 0 });
    expect(await one.over.promise).toMatchObject({ outcome: 'compared' });
  });
});

describe('a session', () => {
  it('waits before it sends what is above the pace, and never so long that it seems to stall', async () => {
    const [a, b] = pair();
    for (let i = 0; i < 600; i++) writeBlock(a, `a${i}`);
    const { clock, replica, slept } = slowly(a.replica);
    let left = 60 * 1024;
    const pace = (bytes: number) => {
      left -= bytes;
      return left >= 0 ? 0 : 60_000;
    };
    const [ours] = await sync(a, b, {
      clock,
      replica,
      partner: { peer: b.key.peer, charge: () => false, pace },
    });
    expect(ours).toMatchObject({ outcome: 'done', opsOut: 600 });
    expect(slept.length).toBeGreaterThan(2);
    expect(new Set(slept)).toEqual(new Set([5_000]));
  });

  it('slows a member that brings what is held again and again', async () => {
    const [a, b] = pair();
    const ops = Array.from({ length: 50 }, (_, i) => writeBlock(a, `a${i}`));
    const { clock, replica, slept } = slowly(a.replica);
    let wasted = 0;
    const partner = {
      peer: b.key.peer,
      charge: () => false,
      wasted: (bytes: number) => {
        wasted += bytes;
        return true;
      },
    };
    const [left, right] = channelPair();
    const ended = session(a, left, { clock, replica, partner });
    await right.send(helloOf(a, 'f'.repeat(64)));
    await right.send(encodeSync({ kind: 'digests', digests: a.replica.peerDigests() }));
    await right.send(encodeSync({ kind: 'heads', actors: [], last: true }));
    const envelopes = ops.map(({ envelope }) => envelope);
    await right.send(encodeSync({ kind: 'ops', envelopes }));
    right.close();
    await ended;
    expect(wasted).toBe(envelopes.reduce((sum, { length }) => sum + length, 0));
    expect(slept).toContain(4 * 50);
  });

  it('ends with a member that talks without end and says nothing', async () => {
    const [left, right] = channelPair();
    const talk = new Talk(left, new FakeClock(), new AbortController().signal);
    for (let i = 0; i < 1_001; i++)
      await right.send(i % 2 === 0 ? new Uint8Array(0) : encodeSync({ kind: 'coming', ops: 1 }));
    const hearing = async () => {
      for (;;) await talk.hear();
    };
    await expect(hearing()).rejects.toThrow('says nothing');
  });

  it('ends with a member that acknowledges twice', async () => {
    const [a] = pair();
    const [left, right] = channelPair();
    const ended = session(a, left);
    await right.send(helloOf(a, 'f'.repeat(64)));
    await right.send(encodeSync({ kind: 'digests', digests: new Map() }));
    await right.send(encodeSync({ kind: 'heads', actors: [], last: true }));
    for (let i = 0; i < 2; i++) await right.send(encodeSync({ kind: 'ack', count: 1 }));
    expect(await ended).toMatchObject({ outcome: 'failed', reason: 'acknowledges what was not sent' });
  });

  it('ends with a member whose heads have no end', async () => {
    const [a] = pair();
    const [left, right] = channelPair();
    const ended = session(a, left);
    await right.send(helloOf(a, 'f'.repeat(64)));
    await right.send(encodeSync({ kind: 'digests', digests: new Map() }));
    const heads = Array.from({ length: 5_000 }, () => ({ id: 'e'.repeat(64), seq: 9 }));
    const message = encodeSync({
      kind: 'heads',
      actors: [{ peer: a.key.peer, run: '0'.repeat(32), heads }],
      last: false,
    });
    for (let i = 0; i < 53; i++) await right.send(message);
    expect(await ended).toMatchObject({ outcome: 'failed', reason: 'sends heads without end' });
  });
});
