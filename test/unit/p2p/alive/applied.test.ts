import { describe, expect, it } from 'vitest';
import { AppliedLog, AppliedTable, MAX_RECENT } from '../../../../src/p2p/alive/applied.ts';
import { AppliedFeed } from '../../../../src/p2p/alive/applied-feed.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

const op = (i: number) => i.toString(16).padStart(64, '0');
const D1 = 'd1'.repeat(32);
const D2 = 'd2'.repeat(32);

describe('AppliedTable', () => {
  it('resolves when the last peer has said so, with the time of each', async () => {
    const clock = new FakeClock();
    const table = new AppliedTable(clock, () => D2);
    const waiting = table.wait(op(1), ['a', 'b'], { timeoutMs: 2_000 });
    await clock.advance(5);
    table.feed('a', { digest: D1, recent: [op(1)] });
    table.feed('b', { digest: D1, recent: [op(2)] });
    await clock.advance(7);
    table.feed('b', { digest: D1, recent: [op(1)] });
    expect([...(await waiting)]).toEqual([
      ['a', { applied: true, ms: 5 }],
      ['b', { applied: true, ms: 12 }],
    ]);
  });

  it('counts a peer whose kernel equals our whole state', async () => {
    const clock = new FakeClock();
    const table = new AppliedTable(clock, () => D2);
    table.feed('a', { digest: D2, recent: [] });
    expect((await table.wait(op(1), ['a'], { timeoutMs: 10 })).get('a')?.applied).toBe(true);
  });

  it('tells the late ones at the time-out and when aborted, and resolves at once for nobody', async () => {
    const clock = new FakeClock();
    const table = new AppliedTable(clock, () => D2);
    const timed = table.wait(op(1), ['a', 'b'], { timeoutMs: 50 });
    table.feed('b', { digest: '', recent: [op(1)] });
    await clock.advance(50);
    expect((await timed).get('a')).toEqual({ applied: false, ms: 50 });
    expect((await timed).get('b')?.applied).toBe(true);
    const abort = new AbortController();
    const aborted = table.wait(op(1), ['a'], { timeoutMs: 50, signal: abort.signal });
    abort.abort();
    expect((await aborted).get('a')?.applied).toBe(false);
    expect((await table.wait(op(1), [], { timeoutMs: 50 })).size).toBe(0);
  });

  it('counts what another member tells in its place, and says so', async () => {
    const table = new AppliedTable(new FakeClock(), () => D2);
    const waiting = table.wait(op(1), ['a', 'b', 'c'], { timeoutMs: 2_000 });
    expect(table.feedVia('w', { peer: 'a', applied: undefined, recent: [] })).toBe(false);
    expect(table.feedVia('w', { peer: 'a', applied: undefined, recent: [op(1)] })).toBe(true);
    expect(table.feedVia('w', { peer: 'b', applied: D2, recent: [] })).toBe(true);
    expect(table.feedVia('w', { peer: 'b', applied: D2, recent: [] })).toBe(false);
    expect(table.feed('c', { digest: D1, recent: [op(1)] })).toBe(true);
    expect(table.feed('c', { digest: D1, recent: [] })).toBe(false);
    expect(Object.fromEntries(await waiting)).toEqual({
      a: { applied: true, ms: 0, via: 'w' },
      b: { applied: true, ms: 0, via: 'w' },
      c: { applied: true, ms: 0 },
    });
    expect(['a', 'b', 'c'].map((peer) => table.viaOf(peer))).toEqual(['w', 'w', undefined]);
    // Told before anybody waited: marked all the same.
    expect((await table.wait(op(1), ['a'], { timeoutMs: 10 })).get('a')?.via).toBe('w');
    table.feed('a', { digest: D1, recent: [] });
    expect(table.viaOf('a')).toBeUndefined();
    // A witness that says nothing of the digest takes nothing back.
    table.feedVia('w', { peer: 'a', applied: undefined, recent: [op(2)] });
    expect(table.digestOf('a')).toBe(D1);
  });

  it('tells a third one what is new since it was told', () => {
    const table = new AppliedTable(new FakeClock(), () => D2);
    expect(table.since('a', 0, 16)).toEqual({ digest: '', recent: [], told: 0 });
    table.feed('a', { digest: D1, recent: [op(1), op(2)] });
    expect(table.since('a', 0, 16)).toEqual({ digest: D1, recent: [op(1), op(2)], told: 2 });
    table.feed('a', { digest: D2, recent: [op(3)] });
    expect(table.since('a', 2, 16)).toEqual({ digest: D2, recent: [op(3)], told: 3 });
    expect(table.since('a', 3, 16).recent).toEqual([]);
    expect(table.since('a', 0, 2).recent).toEqual([op(2), op(3)]);
    table.forget('a');
    table.feed('a', { digest: D2, recent: [op(4)] });
    expect(table.since('a', 3, 16)).toEqual({ digest: D2, recent: [op(4)], told: 1 });
  });

  it('says nothing of an unknown digest, and forgets', () => {
    const table = new AppliedTable(new FakeClock(), () => '');
    table.feed('a', { digest: '', recent: [] });
    expect(table.has('a', op(1))).toBe(false);
    table.feed('a', { digest: D1, recent: [op(1)] });
    expect(table.has('a', op(1))).toBe(true);
    expect(table.digestOf('a')).toBe(D1);
    table.forget('a');
    expect(table.has('a', op(1))).toBe(false);
  });

  it('keeps a bounded number of ops per peer and of peers', () => {
    const table = new AppliedTable(new FakeClock(), () => D2);
    for (let i = 0; i < 5_000; i++) table.feed('a', { digest: D1, recent: [op(i)] });
    expect(table.has('a', op(4_999))).toBe(true);
    expect(table.has('a', op(1))).toBe(false);
    for (let i = 0; i < 5_000; i++) table.feed(`p${i}`, { digest: D1, recent: [] });
    expect(table.dropped).toBe(5_000 - 4_095);
  });
});

describe('AppliedLog', () => {
  it('reports the ops up to the version that the kernel holds, once', () => {
    const log = new AppliedLog();
    log.admitted(op(1));
    const version = log.admitted(op(2));
    log.admitted(op(3));
    expect(log.applied(version, D1)).toEqual({ digest: D1, recent: [op(1), op(2)] });
    expect(log.applied(version, D1)).toEqual({ digest: D1, recent: [] });
    expect(log.applied(log.version, D2)).toEqual({ digest: D2, recent: [op(3)] });
  });

  it('names the newest when there are more than a report holds', () => {
    const log = new AppliedLog();
    for (let i = 0; i < 200; i++) log.admitted(op(i));
    const { recent } = log.applied(log.version, D1);
    expect(recent).toHaveLength(MAX_RECENT);
    expect(recent.at(-1)).toBe(op(199));
  });
});

describe('AppliedFeed', () => {
  it('tells every stream of every op once', () => {
    const feed = new AppliedFeed();
    expect(feed.since(0)).toEqual({ applied: { digest: '', recent: [] }, cursor: 0 });
    feed.say({ digest: D1, recent: [op(1), op(2)] });
    const first = feed.since(0);
    expect(first).toEqual({ applied: { digest: D1, recent: [op(1), op(2)] }, cursor: 2 });
    feed.say({ digest: D2, recent: [op(3)] });
    expect(feed.since(first.cursor).applied).toEqual({ digest: D2, recent: [op(3)] });
    expect(feed.since(0).applied.recent).toEqual([op(1), op(2), op(3)]);
    expect(feed.since(3).applied.recent).toEqual([]);
  });

  it('knows what is news: another state, or an op; not the same state again', () => {
    const feed = new AppliedFeed();
    const said = [
      { digest: D1, recent: [] },
      { digest: D1, recent: [] },
      { digest: D1, recent: [op(1)] },
      { digest: '', recent: [] },
      { digest: D1, recent: [] },
    ];
    expect(said.map((one) => feed.say(one))).toEqual([true, false, true, true, true]);
    expect(feed.since(0)).toEqual({ applied: { digest: D1, recent: [op(1)] }, cursor: 1 });
  });

  it('keeps the newest ops for streams that come late', () => {
    const feed = new AppliedFeed();
    for (let i = 0; i < 100; i++) feed.say({ digest: D1, recent: [op(i)] });
    const { applied, cursor } = feed.since(0);
    expect(applied.recent).toHaveLength(MAX_RECENT);
    expect(applied.recent.at(-1)).toBe(op(99));
    expect(cursor).toBe(100);
  });
});
