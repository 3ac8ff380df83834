import { describe, expect, it } from 'vitest';
import { frame, MAX_FRAME_BYTES } from '../../../../src/p2p/frames.ts';
import { randomHex } from '../../../../src/p2p/keys.ts';
import type { ReplicatedOps } from '../../../../src/p2p/replicated.ts';
import { runDigests, sameRuns } from '../../../../src/p2p/sync/sync-runs.ts';
import { type SessionResult, syncSession } from '../../../../src/p2p/sync/sync-session.ts';
import { decodeSync, encodeSync } from '../../../../src/p2p/sync/sync-wire.ts';
import { channelPair, type End } from '../../../p2p/channel-pair.ts';
import { copy, type Router, writeBlock } from '../../../p2p/house.ts';
import { helloOf, pair, session, sync } from '../../../p2p/sessions.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

const kindOf = (message: Uint8Array) => {
  const decoded = decodeSync(message);
  return decoded.ok ? decoded.value.kind : decoded.why;
};

/** A router that has been started so often, and another one that holds all of it. */
function started(times: number): [Router, Router] {
  const [a, b] = pair();
  for (let n = 0; n < times; n++) writeBlock({ ...a, run: randomHex(16) }, `start${n}`);
  copy(a.replica, b.replica);
  return [a, b];
}

/** A session of which the bytes are counted; `older`: b is a version that knows no groups of runs. */
async function bytesOf(a: Router, b: Router, older = false): Promise<number> {
  let bytes = 0;
  const [left, right] = channelPair((message) => {
    bytes += message.length;
  });
  const old: End = {
    ...right,
    send: async (message) => {
      const read = decodeSync(message);
      const hello = read.ok && read.value.kind === 'hello' ? read.value : undefined;
      await right.send(hello === undefined ? message : encodeSync({ ...hello, runs: undefined }));
    },
    receive: async () => {
      const message = await right.receive();
      const read = message === undefined ? undefined : decodeSync(message);
      if (read?.ok !== true || read.value.kind !== 'hello') return message;
      return encodeSync({ ...read.value, runs: undefined });
    },
  };
  const end = async (channel: End, running: Promise<SessionResult>) => {
    expect((await running).outcome).toBe('done');
    channel.close();
  };
  await Promise.all([end(left, session(a, left)), end(right, session(b, older ? old : right))]);
  expect(a.replica.digest).toBe(b.replica.digest);
  return bytes;
}

describe('the cost of a session', () => {
  it('follows what differs, also of a router that was started a thousand times', async () => {
    const [a, b] = started(1_000);
    writeBlock(a, 'one');
    const bytes = await bytesOf(a, b);
    expect(bytes).toBeLessThan(10_000);
    // Without groups the heads of all thousand runs went both ways.
    writeBlock(a, 'another');
    expect(await bytesOf(a, b, true)).toBeGreaterThan(150_000);
  }, 60_000);

  it('is the same whichever side has many runs, and brings everything over', async () => {
    const [a, b, c] = pair();
    for (let n = 0; n < 100; n++) writeBlock({ ...c, run: randomHex(16) }, `start${n}`);
    copy(c.replica, a.replica);
    writeBlock(a, 'own');
    expect(await bytesOf(a, b)).toBeGreaterThan(10_000);
    for (let n = 0; n < 100; n++) writeBlock({ ...c, run: randomHex(16) }, `later${n}`);
    copy(c.replica, b.replica);
    writeBlock(a, 'own too');
    await bytesOf(b, a);
  }, 60_000);

  it('does not grow when gossip brings an op while digests are on their way', async () => {
    const [a, b, c] = pair();
    for (let n = 0; n < 50; n++) writeBlock(c, `c${n}`);
    copy(c.replica, a.replica);
    copy(c.replica, b.replica);
    writeBlock(a, 'differs');
    const [left] = await sync(a, b, {
      tap: (message, side) => {
        if (kindOf(message) !== 'digests' || side !== 'right') return;
        const { envelope } = writeBlock(c, 'gossiped');
        a.replica.admit(envelope);
      },
    });
    expect(left).toMatchObject({ outcome: 'done', opsOut: 1 });
  });
});

describe('digests of more authors than one message takes', () => {
  const authors = (count: number) =>
    new Map(Array.from({ length: count }, (_, i) => [i.toString(16).padStart(64, '0'), 'ab'.repeat(32)]));
  /** The same router, with digests of so many more authors. */
  const crowded = (router: Router, count: number): ReplicatedOps =>
    new Proxy<ReplicatedOps>(router.replica, {
      get(target, name) {
        if (name === 'peerDigests') return () => new Map([...target.peerDigests(), ...authors(count)]);
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });

  it('go in several, each within a frame', async () => {
    const [a, b] = pair();
    for (let n = 0; n < 3; n++) writeBlock(a, `a${n}`);
    const sizes: number[] = [];
    const [left, right] = channelPair((message) => {
      if (kindOf(message) === 'digests') sizes.push(frame(message).length);
    });
    const [ours, theirs] = await Promise.all([
      session(a, left, { replica: crowded(a, 9_000) }),
      session(b, right, { replica: crowded(b, 9_000) }),
    ]);
    expect(ours).toMatchObject({ outcome: 'done', opsOut: 3 });
    expect(theirs).toMatchObject({ outcome: 'done', opsIn: 3 });
    expect(b.replica.digest).toBe(a.replica.digest);
    expect(sizes).toHaveLength(8);
    expect(Math.max(...sizes)).toBeLessThan(MAX_FRAME_BYTES);
  });

  it('go in one, without a word of more, as far as an older version could say them', async () => {
    const [a, b] = pair();
    writeBlock(a, 'a');
    const said: (boolean | undefined)[] = [];
    const [left, right] = channelPair((message) => {
      const read = decodeSync(message);
      if (read.ok && read.value.kind === 'digests') said.push(read.value.more);
    });
    const crowd = (router: Router) => crowded(router, 2_900);
    await Promise.all([session(a, left, { replica: crowd(a) }), session(b, right, { replica: crowd(b) })]);
    expect(said).toEqual([undefined, undefined]);
  });

  it.each([
    ['have no end', Array.from({ length: 3 }, () => authors(2)), 'sends digests without end'],
    ['are of more authors than are kept', [authors(65_537)], 'sends digests of too many authors'],
  ])(
    'that %s end the session',
    async (_, parts, reason) => {
      const [a] = pair();
      const [left, right] = channelPair();
      const running = session(a, left);
      await right.send(helloOf(a, 'f'.repeat(64)));
      for (const digests of parts) await right.send(encodeSync({ kind: 'digests', digests, more: true }));
      expect(await running).toMatchObject({ outcome: 'failed', reason });
    },
    30_000,
  );
});

describe('groups of runs', () => {
  it('differ where the heads of a run do, and only there', () => {
    const [a, b] = started(200);
    const heads = (router: Router) => router.replica.heads([a.key.peer]);
    const same = () => sameRuns(runDigests(heads(a)), runDigests(heads(b)));
    expect(heads(a).every(same())).toBe(true);
    const run = randomHex(16);
    writeBlock({ ...a, run }, 'new');
    const equal = same();
    const differing = heads(a).filter((actor) => !equal(actor));
    expect(differing.some((actor) => actor.run === run)).toBe(true);
    expect(differing.length).toBeLessThan(30);
  });

  it('are not told of few runs', () => {
    const [a] = started(10);
    expect(runDigests(a.replica.heads([a.key.peer])).size).toBe(0);
  });
});

describe('a session that only compares', () => {
  const compare = (router: Router, channel: End, replica: ReplicatedOps = router.replica) =>
    syncSession(channel, {
      replica,
      registers: router.registers,
      clock: new FakeClock(),
      signal: new AbortController().signal,
      compare: true,
    });

  it('tells by whom changes are missing on which side, and brings nothing over', async () => {
    const [a, b, c] = pair();
    for (let n = 0; n < 5; n++) writeBlock(c, `c${n}`);
    copy(c.replica, b.replica);
    writeBlock(b, 'b');
    for (let n = 0; n < 3; n++) writeBlock(a, `a${n}`);
    const card = { name: 'attic', prefixes: [], listens: [], macs: [] };
    a.registers.author(a.key, { gen: 1, rev: 1 }, undefined, card);
    const before = [a.replica.digest, b.replica.digest];
    const kinds: string[] = [];
    const [left, right] = channelPair((message) => kinds.push(kindOf(message)));
    const [ours, theirs] = await Promise.all([compare(a, left), session(b, right)]);
    expect(ours.outcome).toBe('compared');
    expect(theirs).toMatchObject({ outcome: 'compared', difference: [] });
    expect(ours.difference).toEqual([
      { author: c.key.peer, behind: 5, ahead: 0, registers: undefined },
      { author: a.key.peer, behind: 0, ahead: 3, registers: 'ahead' },
      { author: b.key.peer, behind: 1, ahead: 0, registers: undefined },
    ]);
    expect(new Set(kinds)).toEqual(new Set(['hello', 'digests', 'heads']));
    expect([a.replica.digest, b.replica.digest]).toEqual(before);
  });

  it('finds nothing between equals', async () => {
    const [a, b] = pair();
    const [left, right] = channelPair();
    const [ours] = await Promise.all([compare(a, left), session(b, right)]);
    expect(ours).toMatchObject({ outcome: 'equal', difference: [] });
  });
});
