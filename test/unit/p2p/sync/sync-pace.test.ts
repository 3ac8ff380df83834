import { describe, expect, it } from 'vitest';
import { generateKey } from '../../../../src/p2p/keys.ts';
import type { Partner } from '../../../../src/p2p/sync/sync-admission.ts';
import { STALL_MS } from '../../../../src/p2p/sync/sync-talk.ts';
import { encodeSync } from '../../../../src/p2p/sync/sync-wire.ts';
import { channelPair } from '../../../p2p/channel-pair.ts';
import { writeBlock } from '../../../p2p/house.ts';
import { helloOf, pair, session, slowly, strangerOp, sync } from '../../../p2p/sessions.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

describe('a sync session', () => {
  it('tells how many ops have come, out of how many', async () => {
    const [a, b] = pair();
    for (let i = 0; i < 600; i++) writeBlock(a, `a${i}`);
    writeBlock(b, 'b');
    const told: [number, number][] = [];
    await sync(b, a, { onProgress: (...now) => told.push(now) });
    expect(told[0]).toEqual([0, 600]);
    expect(told.at(-1)).toEqual([600, 600]);
    expect(told.length).toBeGreaterThan(3);
    expect(
      told.every(([received, expected], i) => expected === 600 && received >= (told[i - 1]?.[0] ?? 0)),
    ).toBe(true);
  });

  it('guesses from what the other holds while that one does not say what is coming', async () => {
    const [a, b] = pair();
    const told: [number, number][] = [];
    const op = writeBlock(b, 'one');
    const [left, right] = channelPair();
    const running = session(a, left, { onProgress: (...now) => told.push(now) });
    const hello = { kind: 'hello', version: 1, home: a.replica.home, digest: 'f'.repeat(64) } as const;
    await right.send(encodeSync({ ...hello, registers: new Map(), ops: a.replica.size + 900 }));
    await right.send(encodeSync({ kind: 'digests', digests: new Map() }));
    await right.send(encodeSync({ kind: 'heads', actors: [], last: true }));
    await right.send(encodeSync({ kind: 'ops', envelopes: [op.envelope] }));
    right.close();
    await running;
    expect(told).toEqual([[1, 900]]);
  });

  it('slows a member above its rate to a fifth of the time, for new ops of its own alone', async () => {
    const [a, b, c] = pair();
    for (let i = 0; i < 300; i++) writeBlock(a, `a${i}`);
    for (let i = 0; i < 300; i++) writeBlock(c, `c${i}`);
    await sync(a, c);
    const { clock, replica, slept } = slowly(b.replica);
    let charged = 0;
    const partner: Partner = { peer: a.key.peer, charge: () => ++charged > 100 };
    const [left] = await sync(b, a, { clock, replica, partner });
    expect(left).toMatchObject({ outcome: 'done', opsIn: 600 });
    expect(charged).toBe(300);
    const pauses = slept.filter((ms) => ms > 0);
    expect(pauses.length).toBeGreaterThan(0);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(STALL_MS / 2);
    // A chunk with ops above the rate is paid for whole; those before and after it are not.
    const sum = pauses.reduce((total, ms) => total + ms, 0);
    expect(sum).toBeGreaterThanOrEqual(4 * 200);
    expect(sum).toBeLessThanOrEqual(4 * 600);
    charged = 0;
    await sync(b, a, { partner });
    expect(charged).toBe(0);
  });

  it('charges what has no place here to whoever sends it', async () => {
    const [a] = pair();
    const stranger = generateKey();
    const envelopes = Array.from({ length: 10 }, (_, i) => strangerOp(a, stranger, i));
    let charged = 0;
    const [left, right] = channelPair();
    const partner: Partner = { peer: stranger.peer, charge: () => ++charged < 0 };
    const running = session(a, left, { partner });
    await right.send(helloOf(a, 'f'.repeat(64)));
    await right.send(encodeSync({ kind: 'digests', digests: new Map() }));
    await right.send(encodeSync({ kind: 'heads', actors: [], last: true }));
    await right.send(encodeSync({ kind: 'ops', envelopes }));
    right.close();
    await running;
    expect(charged).toBe(10);
  });

  it('goes on for as long as it makes progress, and not for ever', async () => {
    const [a] = pair();
    const clock = new FakeClock();
    const [left, right] = channelPair();
    let ended = false;
    const running = session(a, left, { clock }).then((result) => {
      ended = true;
      return result;
    });
    await right.send(helloOf(a, 'f'.repeat(64)));
    await right.send(encodeSync({ kind: 'digests', digests: new Map() }));
    await right.send(encodeSync({ kind: 'heads', actors: [], last: true }));
    const drip = async (ms: number) => {
      for (let passed = 0; passed < ms; passed += 8_000) {
        await right.send(encodeSync({ kind: 'ops', envelopes: [] }));
        await clock.advance(8_000);
      }
    };
    await drip(1_600_000);
    expect(ended).toBe(false);
    await drip(2_000_000);
    expect(await running).toMatchObject({ outcome: 'failed' });
  });
});
