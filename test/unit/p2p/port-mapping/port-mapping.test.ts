import { beforeEach, describe, expect, it } from 'vitest';
import { TemporaryError } from '../../../../src/errors.ts';
import { silentLog } from '../../../../src/log.ts';
import type { Mapping, Method, Wish } from '../../../../src/p2p/port-mapping/method.ts';
import { PortMapping } from '../../../../src/p2p/port-mapping/port-mapping.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

const HOUR = 3_600_000;

/** A gateway that does as it is told; `say` makes it refuse. */
class Gateway implements Method {
  readonly name: Method['name'];
  readonly asked: Wish[] = [];
  readonly given: Mapping[] = [];
  say: string | undefined;
  address = '5.5.5.1';
  hangs = false;

  constructor(name: Method['name']) {
    this.name = name;
  }

  async map(wish: Wish): Promise<Mapping> {
    this.asked.push(wish);
    if (this.hangs) return await new Promise(() => undefined);
    if (this.say !== undefined) throw new TemporaryError(this.say);
    return { ...wish, externalAddress: this.address };
  }

  async unmap(mapping: Mapping): Promise<void> {
    this.given.push(mapping);
    if (this.hangs) await new Promise(() => undefined);
  }
}

describe('port mapping', () => {
  let clock: FakeClock;
  let upnp: Gateway;
  let pmp: Gateway;
  let told: (string | undefined)[];
  let gateways: string[];
  let listening: string[];

  const made = (enabled = true) =>
    new PortMapping({
      enabled,
      leaseMs: HOUR,
      gateways: () => gateways,
      listening: () => listening,
      onExternal: (address) => told.push(address),
      clock,
      log: silentLog,
      methods: [upnp, pmp],
    });

  async function started(): Promise<PortMapping> {
    const mapping = made();
    await mapping.start(new AbortController().signal);
    await clock.advance(0);
    return mapping;
  }

  beforeEach(() => {
    clock = new FakeClock();
    [upnp, pmp] = [new Gateway('UPnP'), new Gateway('NAT-PMP')];
    told = [];
    gateways = ['fe80::1', '192.168.9.1'];
    listening = ['/ip4/127.0.0.1/tcp/4400', '/ip4/0.0.0.0/tcp/4411', '/ip6/::/tcp/4411'];
  });

  it('is off by default: nothing is asked', async () => {
    const mapping = made(false);
    await mapping.start(new AbortController().signal);
    await clock.advance(HOUR);
    expect(mapping.view()).toMatchObject({ state: 'off', external: undefined, why: undefined });
    expect(upnp.asked).toEqual([]);
    await mapping.stop();
  });

  it('asks for the port of the overlay with a lease, renews it at half, and gives it back', async () => {
    const mapping = await started();
    expect(upnp.asked).toEqual([
      { gateway: '192.168.9.1', internalPort: 4411, externalPort: 4411, leaseMs: HOUR },
    ]);
    expect(mapping.view()).toEqual({
      state: 'mapped',
      external: '5.5.5.1:4411',
      by: 'UPnP',
      leaseUntilMs: clock.now() + HOUR,
      why: undefined,
    });
    expect(told).toEqual(['/ip4/5.5.5.1/tcp/4411']);
    await clock.advance(HOUR * 0.49);
    expect(upnp.asked.length).toBe(1);
    await clock.advance(HOUR * 0.02);
    expect(upnp.asked.length).toBe(2);
    await clock.advance(10 * HOUR);
    expect(upnp.asked.length).toBeGreaterThan(20);
    expect(told.length).toBe(1);
    await mapping.stop();
    await mapping.stop();
    expect(upnp.given).toMatchObject([{ externalAddress: '5.5.5.1', externalPort: 4411 }]);
    const asked = upnp.asked.length;
    await clock.advance(HOUR);
    expect(upnp.asked.length).toBe(asked);
  });

  it('notices another external address when it renews', async () => {
    const mapping = await started();
    upnp.address = '5.5.5.9';
    await clock.advance(HOUR * 0.51);
    expect(told).toEqual(['/ip4/5.5.5.1/tcp/4411', '/ip4/5.5.5.9/tcp/4411']);
    await mapping.stop();
  });

  it('asks in the next protocol when one fails, and stays with what worked', async () => {
    upnp.say = 'it does not allow it';
    const mapping = await started();
    expect(mapping.view().by).toBe('NAT-PMP');
    await clock.advance(HOUR * 0.51);
    expect([upnp.asked.length, pmp.asked.length]).toEqual([1, 2]);
    await mapping.stop();
    expect([upnp.given.length, pmp.given.length]).toEqual([0, 1]);
  });

  it('keeps a lease that cannot be renewed to its end, says why, then that it failed, and comes back', async () => {
    const mapping = await started();
    [upnp.say, pmp.say] = ['it is gone', 'it is gone too'];
    const why = 'the gateway maps no port: UPnP: it is gone; NAT-PMP: it is gone too';
    await clock.advance(HOUR * 0.9);
    expect(mapping.view()).toMatchObject({ state: 'mapped', why });
    await clock.advance(HOUR * 0.11);
    expect(mapping.view()).toMatchObject({
      state: 'failed',
      external: undefined,
      leaseUntilMs: undefined,
      why,
    });
    expect(told.at(-1)).toBeUndefined();
    const tries = upnp.asked.length;
    await clock.advance(HOUR);
    expect(upnp.asked.length - tries).toBeLessThan(15);
    upnp.say = undefined;
    await clock.advance(400_000);
    expect(mapping.view()).toMatchObject({ state: 'mapped', why: undefined });
    expect(told.at(-1)).toBe('/ip4/5.5.5.1/tcp/4411');
    await mapping.stop();
  });

  it('gives back what leads nowhere: a gateway behind another one', async () => {
    [upnp.address, pmp.address] = ['192.168.0.7', '100.64.0.7'];
    const mapping = await started();
    expect(mapping.view()).toMatchObject({
      state: 'failed',
      why: expect.stringContaining('192.168.0.7 is behind another gateway'),
    });
    expect([upnp.given.length, pmp.given.length]).toEqual([1, 1]);
    expect(told).toEqual([]);
    await mapping.stop();
  });

  it('waits for nobody longer than it may: not when it asks, not when it gives back', async () => {
    upnp.hangs = true;
    const mapping = await started();
    expect(mapping.view().state).toBe('asking');
    await clock.advance(5_100);
    expect(mapping.view()).toMatchObject({ state: 'mapped', by: 'NAT-PMP' });
    pmp.hangs = true;
    const stopped = mapping.stop();
    // Its loop ends first.
    await clock.advance(0);
    await clock.advance(2_100);
    await stopped;
  });

  it('says in words what is missing', async () => {
    gateways = ['fe80::1'];
    const mapping = await started();
    expect(mapping.view()).toMatchObject({
      state: 'failed',
      why: expect.stringContaining('no default route'),
    });
    gateways = ['192.168.9.1'];
    listening = ['/ip6/::/tcp/4411'];
    await clock.advance(15_000);
    expect(mapping.view().why).toMatch(/listens on no IPv4/);
    expect(upnp.asked).toEqual([]);
    await mapping.stop();
  });
});
