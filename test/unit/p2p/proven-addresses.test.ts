import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { ProvenAddresses } from '../../../src/p2p/proven-addresses.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { key } from '../../support/household.ts';
import { peerView } from '../../support/peer-view.ts';

const HOUR = 3_600_000;
const [cellar, garage] = [key(1).peer, key(2).peer];
const at = (host: string) => `/ip${host.includes(':') ? 6 : 4}/${host}/tcp/4411`;

describe('where members are', () => {
  let clock: FakeClock;
  let saved: string;
  let writes: number;
  let proven: ProvenAddresses;
  /** As an agent that starts, after one that was killed. */
  const start = (): ProvenAddresses =>
    new ProvenAddresses({
      clock,
      load: () => saved,
      save: (text) => {
        saved = text;
        writes += 1;
      },
    });
  beforeEach(() => {
    clock = new FakeClock();
    saved = '';
    writes = 0;
    proven = start();
  });
  const away = peerView(cellar, { state: 'unknown', connections: 0, address: undefined });

  it('is proven by a connection, and not by what anybody says', () => {
    expect(proven.look([peerView(cellar, { address: at('192.0.2.7') })])).toBe(true);
    expect(
      proven.look([peerView(cellar), peerView(garage, { connections: 0, address: at('192.0.2.8') })]),
    ).toBe(false);
    expect(proven.addresses()).toEqual(['192.0.2.7']);
  });

  it('is kept for a day after the connection has gone, also when the agent there died', async () => {
    proven.look([peerView(cellar)]);
    await clock.advance(23 * HOUR);
    expect(proven.look([peerView(cellar, { state: 'pruned', connections: 0, address: undefined })])).toBe(
      false,
    );
    await clock.advance(2 * HOUR);
    expect(proven.look([peerView(cellar, { state: 'pruned', connections: 0 })])).toBe(true);
    expect(proven.addresses()).toEqual([]);
  });

  it('is the newest of either family: who moves, or claims one after the other, has no more', () => {
    for (const host of ['192.0.2.7', '2001:db8::7', '192.0.2.8', '192.0.2.9'])
      proven.look([peerView(cellar, { address: at(host) })]);
    expect(proven.addresses()).toEqual(['192.0.2.9', '2001:db8::7']);
  });

  it.each([
    ['was evicted', []],
    ['has left', [peerView(cellar, { state: 'left' })]],
  ])('is forgotten at once when it %s', (_, peers) => {
    proven.look([peerView(cellar), peerView(garage, { address: at('192.0.2.8') })]);
    expect(proven.look([...peers, peerView(garage, { connections: 0 })])).toBe(true);
    expect(proven.addresses()).toEqual(['192.0.2.8']);
  });

  it.each([undefined, '', 'rubbish', '/dns4/cellar.example/tcp/4411', '/ip4/999.1.1.1/tcp/1'])(
    'is not in %j',
    (address) => {
      expect(proven.look([peerView(cellar, { address })])).toBe(false);
    },
  );

  describe('over restarts', () => {
    it('is known before anybody is connected, also when the machine starts with a clock of long ago, or ahead', () => {
      proven.look([peerView(cellar, { address: at('192.0.2.7') })]);
      for (const years of [-50, 50]) {
        clock.setWall(clock.now() + years * 365 * 24 * HOUR);
        const next = start();
        expect(next.look([away])).toBe(false);
        expect(next.addresses()).toEqual(['192.0.2.7']);
      }
    });

    it('is kept for the rest of its day, in which the agent runs', async () => {
      proven.look([peerView(cellar)]);
      for (let hours = 0; hours < 22; hours += 2) {
        await clock.advance(2 * HOUR);
        proven.look([away]);
        expect(proven.addresses()).toHaveLength(1);
        proven = start();
      }
      await clock.advance(3 * HOUR);
      expect(proven.look([away])).toBe(true);
      expect(start().addresses()).toEqual([]);
    });

    it('goes also when the agent never runs for long', async () => {
      proven.look([peerView(cellar)]);
      let starts = 0;
      for (; starts < 10_000; starts++) {
        const next = start();
        next.look([away]);
        if (next.addresses().length === 0) break;
        await clock.advance(9 * 60_000);
      }
      expect(starts).toBeGreaterThan(100);
      expect(starts).toBeLessThan(2_000);
    });

    it('is forgotten for good when its member is none any more', () => {
      proven.look([peerView(cellar)]);
      proven.look([]);
      expect(start().addresses()).toEqual([]);
    });

    it('is written when it changes, and else every ten minutes while nobody is there', async () => {
      for (let n = 0; n < 5; n++) {
        proven.look([peerView(cellar)]);
        await clock.advance(HOUR);
      }
      expect(writes).toBe(1);
      for (let n = 0; n < 120; n++) {
        proven.look([away]);
        await clock.advance(60_000);
      }
      expect(writes).toBeLessThanOrEqual(14);
    });

    it.each([
      'rubbish',
      '{}',
      '[1,[],[2,3],["x",[["192.0.2.7",0]]]]',
      JSON.stringify([
        [cellar, [['ads.example', 0], ['192.0.2.7', -1], ['192.0.2.8', 'x'], 7, ['192.0.2.9', 9_999]]],
      ]),
      JSON.stringify([[cellar, [['192.0.2.7', null]]]]),
    ])('takes nothing from %s', (text) => {
      saved = text;
      expect(start().addresses()).toEqual([]);
    });

    it('takes no more from a file than there may be, whatever it says', () => {
      fc.assert(
        fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
          saved = text;
          expect(start().addresses().length).toBeLessThanOrEqual(2_000);
        }),
      );
      const many = Array.from({ length: 3_000 }, (_, n) => [
        n.toString(16).padStart(64, '0'),
        [[`10.0.${n >> 8}.${n & 255}`, 0]],
      ]);
      saved = JSON.stringify(many);
      expect(start().addresses()).toHaveLength(1_000);
    });
  });
});
