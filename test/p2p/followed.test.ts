import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { Connections } from '../../src/control/connections.ts';
import { House } from './house.ts';

let house: House;
afterEach(async () => await house.stop());

describe('connections of the overlay', () => {
  it('are told of on both sides, with their bytes, and gone when they are', async () => {
    house = new House();
    const [one, two] = house.routers(2);
    if (one === undefined || two === undefined) throw new Error('no routers');
    const [ones, twos] = [new Connections(systemClock), new Connections(systemClock)];
    const first = await house.start(one, { listeners: ones });
    const second = await house.start(two, { listeners: twos, bootstrap: first.addresses() });
    const bytes = () => ones.listeners()[0]?.bytesReceived ?? 0;
    const end = performance.now() + 20_000;
    while (performance.now() < end && (bytes() < 500 || twos.size === 0)) await systemClock.sleep(20);
    expect(ones.page(undefined, 10).rows).toMatchObject([
      { listener: 'overlay', state: 'accepted', purpose: two.key.peer },
    ]);
    expect(twos.page(undefined, 10).rows).toMatchObject([{ state: 'dialled', purpose: one.key.peer }]);
    expect(ones.listeners()).toMatchObject([{ active: 1, name: 'overlay' }]);
    expect(first.peers()[0]?.bytesIn).toBe(bytes());
    await second.stop();
    while (performance.now() < end && ones.size > 0) await systemClock.sleep(20);
    expect(ones.size).toBe(0);
  });
});
