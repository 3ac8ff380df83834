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
  let proven: ProvenAddresses;
  beforeEach(() => {
    clock = new FakeClock();
    proven = new ProvenAddresses(clock);
  });

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
});
