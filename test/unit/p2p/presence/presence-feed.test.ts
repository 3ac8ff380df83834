import { beforeEach, describe, expect, it } from 'vitest';
import { PresenceFeed } from '../../../../src/p2p/presence/presence-feed.ts';
import type { PresenceClaim } from '../../../../src/policy/presence.ts';

const MINUTE = 60_000;

function claim(n: number, more: Partial<PresenceClaim> = {}, names: string[] = []): PresenceClaim {
  const mac = `02:00:00:00:${(n >> 8).toString(16).padStart(2, '0')}:${(n & 255).toString(16).padStart(2, '0')}`;
  return {
    about: { node: mac, device: true, macs: [mac], addresses: [], domains: [], names },
    stay: { since: 0, seen: 0 },
    bytes: undefined,
    ...more,
  };
}

let feed = new PresenceFeed();
beforeEach(() => {
  feed = new PresenceFeed();
});

/** What a link that was told everything up to now is told after `claims`. */
function news(claims: PresenceClaim[], now = 0) {
  const cursor = feed.since(0)?.version ?? 0;
  feed.take(claims, now);
  return { urgent: feed.isUrgent(cursor), news: feed.since(cursor) };
}

describe('a link', () => {
  it('that was told nothing is told everything, also when that is nothing', () => {
    expect(feed.since(0)).toMatchObject({ anew: true, claims: [], count: 0 });
    feed.take([claim(1), claim(2)], 0);
    expect(feed.since(0)).toMatchObject({ anew: true, count: 2 });
  });

  it('is told what came, with names, and what went', () => {
    feed.take([claim(1), claim(2)], 0);
    const { urgent, news: told } = news([claim(2), claim(3)]);
    expect(urgent).toBe(true);
    expect(told).toMatchObject({ anew: false, gone: [claim(1).about.macs[0]], count: 2 });
    expect(told?.claims).toEqual([{ claim: claim(3), withAbout: true }]);
  });

  it('that was away while more ended than is remembered is told everything', () => {
    feed.take([claim(1)], 0);
    const old = feed.since(0)?.version ?? 0;
    const many = Array.from({ length: 4_096 }, (_, n) => claim(n + 2));
    feed.take(many, 0);
    feed.take([], 0);
    feed.take([claim(1)], 0);
    feed.take([], 0);
    expect(feed.since(old)).toMatchObject({ anew: true, claims: [], gone: [] });
  });
});

describe('news is', () => {
  beforeEach(() => feed.take([claim(1, { bytes: { up: 0, down: 1e9 } })], 0));

  it.each<[string, PresenceClaim, number, { told: boolean; urgent: boolean; about: boolean }]>([
    [
      'nothing new',
      claim(1, { bytes: { up: 0, down: 1e9 } }),
      0,
      { told: false, urgent: false, about: false },
    ],
    [
      'a little traffic',
      claim(1, { bytes: { up: 9, down: 1e9 } }),
      0,
      { told: false, urgent: false, about: false },
    ],
    [
      '1 % more',
      claim(1, { bytes: { up: 0, down: 1.01e9 } }),
      0,
      { told: false, urgent: false, about: false },
    ],
    [
      '2 % more',
      claim(1, { bytes: { up: 0, down: 1.02e9 } }),
      0,
      { told: true, urgent: false, about: false },
    ],
    [
      'a counter that began anew',
      claim(1, { bytes: { up: 0, down: 5 } }),
      0,
      { told: true, urgent: false, about: false },
    ],
    ['no counter any more', claim(1), 0, { told: true, urgent: false, about: false }],
    [
      'a device that falls asleep',
      claim(1, { bytes: { up: 0, down: 1e9 } }),
      MINUTE,
      { told: true, urgent: false, about: false },
    ],
    [
      'one that is heard on and on',
      claim(1, { stay: { since: 0, seen: MINUTE }, bytes: { up: 0, down: 1e9 } }),
      MINUTE,
      { told: false, urgent: false, about: false },
    ],
    [
      'one that has left',
      claim(1, { stay: undefined, bytes: { up: 0, down: 1e9 } }),
      0,
      { told: true, urgent: true, about: false },
    ],
    [
      'one that came anew',
      claim(1, { stay: { since: 5, seen: 5 }, bytes: { up: 0, down: 1e9 } }),
      5,
      { told: true, urgent: true, about: false },
    ],
    [
      'a name',
      claim(1, { bytes: { up: 0, down: 1e9 } }, ['tv']),
      0,
      { told: true, urgent: true, about: true },
    ],
  ])('%s', (_, next, now, { told, urgent, about }) => {
    const after = news([next], now);
    expect(after.news !== undefined).toBe(told);
    expect(after.urgent).toBe(urgent);
    expect(after.news?.claims[0]?.withAbout ?? false).toBe(about);
  });
});

it('at most 4,096 devices are told, and the rest is counted', () => {
  feed.take(
    Array.from({ length: 5_000 }, (_, n) => claim(n)),
    0,
  );
  expect(feed.since(0)?.count).toBe(4_096);
  expect(feed.dropped).toBe(904);
});
