import { beforeEach, describe, expect, it } from 'vitest';
import { Counters } from '../../../../src/p2p/counters.ts';
import { Pace } from '../../../../src/p2p/pace.ts';
import { PresenceFeed } from '../../../../src/p2p/presence/presence-feed.ts';
import { PresenceSession } from '../../../../src/p2p/presence/presence-session.ts';
import { PresenceTable } from '../../../../src/p2p/presence/presence-table.ts';
import { decodePresence, type PresenceMessage } from '../../../../src/p2p/presence/presence-wire.ts';
import type { PresenceClaim } from '../../../../src/policy/presence.ts';
import { channelPair, type End } from '../../../p2p/channel-pair.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

/** One router of two: what it says of its devices, and what it knows of the other's. */
interface Side {
  claims: PresenceClaim[];
  readonly said: PresenceMessage[];
  readonly feed: PresenceFeed;
  readonly table: PresenceTable;
  readonly counters: Counters;
  session: PresenceSession | undefined;
}

let clock = new FakeClock();
let left: Side;
let right: Side;
/** Messages to be lost on their way, which no stream does. */
let lose = (_: PresenceMessage) => false;

function side(): Side {
  return {
    claims: [],
    said: [],
    feed: new PresenceFeed(),
    table: new PresenceTable(clock, (mac) => mac),
    counters: new Counters(),
    session: undefined,
  };
}

function connect(of: Side, end: End): void {
  const channel = {
    send: async (message: Uint8Array) => {
      const decoded = decodePresence(message);
      if (!decoded.ok) throw new Error(decoded.why);
      of.said.push(decoded.value);
      if (!lose(decoded.value)) await end.send(message);
    },
    receive: () => end.receive(),
    abort: () => end.close(),
  };
  const session = new PresenceSession(channel, {
    feed: of.feed,
    pace: new Pace(clock, 1024 * 1024, 64 * 1024),
    clock,
    counters: of.counters,
    signal: AbortSignal.timeout(60_000),
    onMessage: (message) => of.table.take('other', message),
  });
  of.session = session;
  session.say();
  void session.hear();
}

/** A second passes on both sides. */
async function second(): Promise<void> {
  await clock.advance(1_000);
  for (const each of [left, right]) {
    each.feed.take(each.claims, clock.monotonic());
    each.session?.say();
  }
  await clock.advance(1);
}

function claim(n: number, up = 0): PresenceClaim {
  const mac = `02:00:00:00:00:0${n}`;
  return {
    about: { node: mac, device: true, macs: [mac], addresses: [], domains: [], names: [] },
    stay: { since: 0, seen: 0 },
    bytes: { up, down: 0 },
  };
}

const known = (of: Side) => of.table.of('other').map(({ about, bytes }) => `${about.macs[0]} ${bytes?.up}`);

beforeEach(async () => {
  clock = new FakeClock();
  lose = () => false;
  [left, right] = [side(), side()];
  left.claims = [claim(1)];
  for (const each of [left, right]) each.feed.take(each.claims, 0);
  const [one, two] = channelPair();
  connect(left, one);
  connect(right, two);
  await clock.advance(1);
});

describe('a session', () => {
  it('begins with everything, on both sides', () => {
    expect(known(right)).toEqual(['02:00:00:00:00:01 0']);
    expect(known(left)).toEqual([]);
    expect([left, right].map(({ said }) => said.length)).toEqual([1, 1]);
  });

  it('tells a device that came after a second', async () => {
    left.claims = [claim(1), claim(2)];
    await second();
    expect(known(right)).toHaveLength(2);
    expect(left.said[1]).toMatchObject({ anew: false, claims: [{ mac: '02:00:00:00:00:02' }] });
  });

  it('tells traffic after ten, and nothing while nothing changes', async () => {
    left.claims = [claim(1, 1e6)];
    for (let n = 0; n < 9; n++) await second();
    expect(left.said).toHaveLength(1);
    await second();
    expect(known(right)).toEqual(['02:00:00:00:00:01 1000000']);
    for (let n = 0; n < 30; n++) await second();
    expect(left.said).toHaveLength(2);
    expect(right.said).toHaveLength(1);
  });

  it('notices a gap, asks, and is told everything again', async () => {
    for (let n = 0; n < 10; n++) await second();
    lose = ({ claims }) => claims.some(({ mac }) => mac.endsWith('2'));
    left.claims = [claim(1), claim(2)];
    await second();
    lose = () => false;
    expect(known(right)).toHaveLength(1);
    left.claims = [claim(1), claim(2), claim(3)];
    await second();
    expect(right.said.some(({ again }) => again)).toBe(true);
    await second();
    expect(left.said.at(-1)).toMatchObject({ anew: true, end: 4 });
    expect(known(right)).toHaveLength(3);
    expect(right.counters.snapshot()['presence.gaps']).toBe(1);
  });

  it('tells everything at most every ten seconds, however often it is asked', async () => {
    for (let n = 0; n < 60; n++) {
      // What right tells is never right, as if it were always asked again.
      right.claims = [claim((n % 9) + 1)];
      lose = ({ claims, again }) => !again && claims.length > 0 && n % 2 === 0;
      await second();
    }
    const whole = right.said.filter(({ anew }) => anew).length;
    expect(whole).toBeGreaterThan(2);
    expect(whole).toBeLessThanOrEqual(7);
  });
});
