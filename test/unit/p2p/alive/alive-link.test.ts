import type { Connection, Stream } from '@libp2p/interface';
import { describe, expect, it } from 'vitest';
import { silentLog } from '../../../../src/log.ts';
import { AliveLink } from '../../../../src/p2p/alive/alive-link.ts';
import { type AliveFrame, decodeAlive, encodeAlive } from '../../../../src/p2p/alive/alive-wire.ts';
import { AppliedFeed } from '../../../../src/p2p/alive/applied-feed.ts';
import type { Knowledge } from '../../../../src/p2p/alive/asked.ts';
import { Liveness } from '../../../../src/p2p/alive/liveness.ts';
import { Counters } from '../../../../src/p2p/counters.ts';
import { Floods, SPEECH_BURST, SPEECH_RATE } from '../../../../src/p2p/floods.ts';
import { FrameReader, frame } from '../../../../src/p2p/frames.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

const key = (i: number) => i.toString(16).padStart(64, '0');
const [THEM, THIRD, LOST, D1, D2] = [key(1), key(2), key(3), 'd1'.repeat(32), 'd2'.repeat(32)];

/** The part of a libp2p stream that keep-alives use. */
class FakeStream extends EventTarget {
  readonly status = 'open';
  readonly readStatus = 'readable';
  readonly writeStatus = 'writable';
  readonly writeBufferLength = 0;
  readonly #reader = new FrameReader();
  #frames: AliveFrame[] = [];

  pause(): void {}
  resume(): void {}

  send(data: Uint8Array): boolean {
    for (const message of this.#reader.push(data)) {
      const read = decodeAlive(message);
      if (read.ok) this.#frames.push(read.value);
    }
    return true;
  }

  /** What was said since this was asked last. */
  said(): AliveFrame[] {
    return this.#frames.splice(0);
  }

  arrive(data: Uint8Array): void {
    this.dispatchEvent(Object.assign(new Event('message'), { data }));
  }
}

/** A link with THEM, on which THIRD is heard and LOST is not. */
function linked() {
  const clock = new FakeClock();
  const liveness = new Liveness(clock);
  liveness.members([THEM, THIRD, LOST]);
  liveness.heard(THIRD);
  const knows: { third: Knowledge } = {
    third: { ageMs: 10, digest: D1, applied: D1, recent: [], told: 0 },
  };
  const stream = new FakeStream();
  const counters = new Counters();
  const heard: AliveFrame[] = [];
  const connection = { status: 'open' };
  const link = new AliveLink(
    THEM,
    // Keep-alives use no more of a connection and a stream than these have.
    connection as unknown as Connection,
    new AppliedFeed(),
    {
      liveness,
      clock,
      log: silentLog,
      counters,
      floods: new Floods({ clock, log: silentLog, counters }),
      digests: () => ({ digest: D1, registersDigest: D1 }),
      changes: () => 7,
      clockTrusted: () => true,
      knowledge: (peer) => (peer === THIRD ? knows.third : undefined),
      onIdle: () => {},
      onFrame: (_, alive) => void heard.push(alive),
      close: () => {},
    },
    new AbortController().signal,
  );
  link.attach(stream as unknown as Stream);
  let counter = 0;
  return {
    liveness,
    knows,
    link,
    stream,
    clock,
    counters,
    heard,
    /** They say a keep-alive. */
    async hear(change: Partial<AliveFrame>): Promise<void> {
      const applied = { digest: D1, recent: [] };
      const quiet = { version: 1, echo: 0, heldUs: 0, toleranceMs: 6_000, digest: D1, registersDigest: D1 };
      const rest = { clock: 0, trusted: false, about: [], asks: [], shortestMs: 1_000, changes: 0 };
      counter += 1;
      stream.arrive(frame(encodeAlive({ ...quiet, ...rest, applied, counter, ...change })));
      await clock.advance(0);
    },
    /** Time passes, tick by tick; THIRD is heard all the while. */
    async pass(ms: number): Promise<void> {
      for (let at = 0; at < ms; at += 100) {
        await clock.advance(100);
        liveness.heard(THIRD);
        liveness.tick();
        link.tick();
      }
    },
  };
}

describe('what is asked on a link', () => {
  it('is named once to one that remembers, and again when it changes', async () => {
    const { link, stream, hear, liveness } = linked();
    expect(stream.said()).toMatchObject([{ asks: [LOST], again: undefined, remembers: true }]);
    await hear({ remembers: true });
    link.say();
    expect(stream.said()).toMatchObject([{ asks: [], again: true }]);
    liveness.refused(THIRD);
    link.say();
    link.say();
    const [first, second] = stream.said();
    expect(first).toMatchObject({ asks: [THIRD, LOST], again: undefined });
    expect(second).toMatchObject({ asks: [], again: true });
  });

  it('is named every time to an older version', async () => {
    const { link, stream, hear } = linked();
    await hear({});
    link.say();
    expect(stream.said().map(({ asks, again }) => [asks, again])).toEqual([
      [[LOST], undefined],
      [[LOST], undefined],
    ]);
  });
});

describe('what is told on a link', () => {
  it('is told with the first frame after it was asked, in turn, and as long as it is asked again', async () => {
    const { stream, hear, pass } = linked();
    stream.said();
    await hear({ asks: [THIRD], remembers: true });
    expect(stream.said()).toMatchObject([{ about: [{ peer: THIRD, ageMs: 10, digest: D1, applied: D1 }] }]);
    await hear({ again: true });
    expect(stream.said()).toEqual([]);
    await pass(4_500);
    const said = stream.said();
    expect(said.length).toBeGreaterThanOrEqual(3);
    for (const { about } of said)
      expect(about).toMatchObject([{ peer: THIRD, ageMs: 10, digest: undefined }]);
    await hear({});
    await pass(3_000);
    for (const { about } of stream.said()) expect(about).toEqual([]);
  });

  it('is not repeated out of turn, which puts off no turn', async () => {
    const { link, stream, hear, pass, knows, clock } = linked();
    await hear({ asks: [THIRD], remembers: true });
    stream.said();
    await pass(800);
    link.say();
    expect(stream.said().map(({ about }) => about)).toEqual([[]]);
    await pass(800);
    expect(stream.said().map(({ about }) => about.length)).toEqual([1]);
    knows.third = { ...knows.third, applied: D2, digest: D2 };
    link.news(LOST, true);
    link.news(THIRD, true);
    await clock.advance(4);
    expect(stream.said()).toEqual([]);
    await clock.advance(1);
    expect(stream.said()).toMatchObject([{ about: [{ peer: THIRD, digest: D2, applied: D2 }] }]);
  });

  it('is told at once to one that asks the same again after we were quiet for a second', async () => {
    const { stream, hear, pass } = linked();
    await hear({ asks: [THIRD], remembers: true });
    await pass(1_100);
    stream.said();
    await hear({ again: true });
    expect(stream.said().map(({ about }) => about.length)).toEqual([1]);
  });
});

describe('what nobody waits for', () => {
  it('goes with the next frame', async () => {
    const { link, stream, hear, pass, knows } = linked();
    await hear({ asks: [THIRD], remembers: true });
    await pass(1_300);
    knows.third = { ...knows.third, applied: D2, digest: D2 };
    stream.said();
    link.news(THIRD, false);
    link.sayLater();
    expect(stream.said()).toEqual([]);
    await pass(200);
    expect(stream.said()).toMatchObject([{ about: [{ peer: THIRD, applied: D2 }] }]);
    // It came in its turn, and nothing is due any more.
    await pass(700);
    expect(stream.said()).toEqual([]);
  });

  it('goes after a quarter of a second when they want to hear of us less often', async () => {
    const { link, stream, hear, pass } = linked();
    await hear({ toleranceMs: 3_600_000 });
    await pass(5_000);
    stream.said();
    link.sayLater();
    link.sayLater();
    await pass(200);
    expect(stream.said()).toEqual([]);
    await pass(100);
    expect(stream.said()).toHaveLength(1);
    await pass(5_000);
    expect(stream.said()).toEqual([]);
    // Of others later: they say theirs then.
    await hear({ asks: [THIRD], toleranceMs: 3_600_000 });
    stream.said();
    link.news(THIRD, false);
    await pass(900);
    expect(stream.said()).toEqual([]);
    await pass(200);
    expect(stream.said()).toHaveLength(1);
  });
});

describe('one that speaks without end', () => {
  it('is heard up to a burst, then at a rate; of the rest a handful is thrown away, and no more is read for a while', async () => {
    const { clock, counters, heard, hear } = linked();
    const flood = () => counters.snapshot()['alive.flood'] ?? 0;
    for (let n = 0; n < SPEECH_BURST; n++) await hear({});
    expect([heard.length, flood()]).toEqual([SPEECH_BURST, 0]);
    for (let n = 0; n < 500; n++) await hear({});
    expect([heard.length, flood()]).toEqual([SPEECH_BURST, 64]);
    await clock.advance(250);
    expect([heard.length, flood()]).toEqual([SPEECH_BURST + SPEECH_RATE / 4, 128]);
    expect(counters.snapshot()).toMatchObject({ 'flood.over': 128 });
    await clock.advance(20_000);
    const before = heard.length;
    expect(before + flood()).toBe(SPEECH_BURST + 500);
    for (let n = 0; n < 100; n++) await hear({});
    expect(heard.length - before).toBe(100);
  });
});
