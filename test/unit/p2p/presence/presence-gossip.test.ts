import { beforeEach, describe, expect, it } from 'vitest';
import { Counters } from '../../../../src/p2p/counters.ts';
import { PresenceFeed } from '../../../../src/p2p/presence/presence-feed.ts';
import { PresenceGossip } from '../../../../src/p2p/presence/presence-gossip.ts';
import { PresenceTable } from '../../../../src/p2p/presence/presence-table.ts';
import { decodePresence, encodePresence } from '../../../../src/p2p/presence/presence-wire.ts';
import type { PresenceClaim } from '../../../../src/policy/presence.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

const FAR: ReadonlySet<string> = new Set(['reader']);
const macOf = (n: number) =>
  `02:00:00:00:${[n >> 8, n & 255].map((part) => part.toString(16).padStart(2, '0')).join(':')}`;

let clock: FakeClock;
let feed: PresenceFeed;
let table: PresenceTable;
let teller: PresenceGossip;
let reader: PresenceGossip;
/** What the teller gossiped and was not delivered yet. */
let sent: Uint8Array[];

const options = () => ({
  ...{ feed, clock, counters: new Counters(), signal: () => new AbortController().signal },
  table: new PresenceTable(clock, (mac) => mac),
  publish: (message: Uint8Array) => void sent.push(message),
});

const claim = (n: number, name = `device ${n}`): PresenceClaim => ({
  about: { node: '', device: true, macs: [macOf(n)], addresses: [], domains: [], names: [name] },
  stay: { since: 0, seen: clock.monotonic() },
  bytes: { up: n, down: 0 },
});
const claims = (count: number, name?: string) => Array.from({ length: count }, (_, n) => claim(n, name));

/** The teller has its turn now, and says all of it. */
async function turn(devices: readonly PresenceClaim[], far = FAR): Promise<Uint8Array[]> {
  feed.take(devices, clock.monotonic());
  teller.say(far);
  for (let n = 0; n < 100; n++) await clock.advance(0);
  return sent.splice(0);
}

const hear = (messages: readonly Uint8Array[], known = false) =>
  messages.map((message) => reader.heard('teller', message, known));
const names = () =>
  table
    .of('teller')
    .flatMap(({ about }) => about.names)
    .sort();

beforeEach(() => {
  clock = new FakeClock();
  feed = new PresenceFeed();
  sent = [];
  teller = new PresenceGossip(options());
  const reading = options();
  table = reading.table;
  reader = new PresenceGossip(reading);
});

describe('presence by gossip', () => {
  it('is not sent while nobody is out of reach', async () => {
    expect(await turn([claim(1)], new Set())).toEqual([]);
  });

  it('tells all at once, then changes, and everything again after a minute', async () => {
    expect(hear(await turn([claim(1), claim(2)]))).toEqual(['accept']);
    expect(names()).toEqual(['device 1', 'device 2']);

    await clock.advance(1_000);
    const change = await turn([claim(2), claim(3)]);
    expect(decodePresence(change[0] ?? new Uint8Array())).toMatchObject({ value: { anew: false, seq: 2 } });
    hear(change);
    expect(names()).toEqual(['device 2', 'device 3']);

    await clock.advance(58_000);
    expect(await turn([claim(2), claim(3)])).toEqual([]);
    await clock.advance(1_000);
    const [again] = await turn([claim(2), claim(3)]);
    expect(decodePresence(again ?? new Uint8Array())).toMatchObject({ value: { anew: true } });
  });

  it('tells all to one that comes later, not before its turn', async () => {
    await turn([claim(1)]);
    const two = new Set([...FAR, 'other']);
    expect(await turn([claim(1)], two)).toEqual([]);
    await clock.advance(10_000);
    const [again] = await turn([claim(1)], two);
    expect(decodePresence(again ?? new Uint8Array())).toMatchObject({ value: { anew: true } });
  });

  it('of no device is not said again to each that comes later', async () => {
    expect(await turn([])).toHaveLength(1);
    for (const far of [['reader', 'second'], ['third'], ['reader', 'fourth']]) {
      await clock.advance(10_000);
      expect(await turn([], new Set(far))).toEqual([]);
    }
    await clock.advance(30_000);
    expect(await turn([])).toHaveLength(1);
  });

  it('has a rate, and loses nothing by it', async () => {
    const many = await turn(claims(4_000));
    const bytes = many.reduce((sum, { length }) => sum + length, 0);
    expect(bytes).toBeGreaterThan(128 * 1024);
    await clock.advance(30_000);
    const waited = await turn(claims(4_000, 'renamed'));
    expect(waited).toHaveLength(0);
    await clock.advance((bytes / 2_048) * 1_000);
    hear(await turn(claims(4_000, 'renamed')));
    expect(new Set(names())).toEqual(new Set(['renamed']));
    expect(names()).toHaveLength(4_000);
  });

  it('that lost a part takes nothing back until everything is said again', async () => {
    hear(await turn(claims(3)));
    await clock.advance(60_000);
    const parts = await turn(claims(1_000));
    expect(parts.length).toBeGreaterThan(2);
    hear(parts.toSpliced(1, 1));
    const held = names().length;
    expect(held).toBeLessThan(1_000);
    expect(names()).toEqual(expect.arrayContaining(['device 0', 'device 1', 'device 2']));

    await clock.advance(120_000);
    hear(await turn(claims(1_000)));
    expect(names()).toHaveLength(1_000);
  });

  it('is passed on, and not believed over what its author says to us itself', async () => {
    expect(hear(await turn([claim(1)]), true)).toEqual(['accept']);
    expect(names()).toEqual([]);
  });

  it('that came before a whole statement is passed on and not taken', async () => {
    await turn([claim(1)]);
    await clock.advance(1_000);
    expect(hear(await turn([claim(1), claim(2)]))).toEqual(['accept']);
    expect(names()).toEqual([]);
  });

  it('that is rubbish, or asks, is refused', () => {
    const asks = { version: 1, seq: 1, anew: false, claims: [], gone: [], end: 0, again: true };
    expect(hear([new Uint8Array([1, 2, 3]), encodePresence(asks)])).toEqual(['reject', 'reject']);
  });
});
