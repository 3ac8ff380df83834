import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLog } from '../../../../src/log.ts';
import { homeTag, open as unseal } from '../../../../src/p2p/discovery/announcement.ts';
import { answer, question, read } from '../../../../src/p2p/discovery/dns-message.ts';
import type { InterfaceAddresses } from '../../../../src/p2p/discovery/interface-addresses.ts';
import { MAX_INTERFACES, Mdns } from '../../../../src/p2p/discovery/mdns.ts';
import type { OpenMdns, SocketEars } from '../../../../src/p2p/discovery/mdns-socket.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

const PSK = Buffer.alloc(32, 1);
const tag = homeTag(PSK);

/** Subnets whose sockets hear each other at once, themselves included. */
class Subnets {
  readonly said: { at: number; net: string; from: string; datagram: Uint8Array }[] = [];
  readonly #ears = new Map<string, Set<SocketEars>>();
  readonly clock: FakeClock;
  /** Names of interfaces on which no socket can be opened. */
  readonly broken = new Set<string>();
  /** Of the interface: net. */
  readonly cables = new Map<string, string>();

  constructor(clock: FakeClock) {
    this.clock = clock;
  }

  open: OpenMdns = async ({ name, family, address }, ears) => {
    if (this.broken.has(name)) throw new Error('address already in use');
    const net = `${this.cables.get(name) ?? name}/${family}`;
    const all = this.#ears.get(net) ?? new Set();
    this.#ears.set(net, all.add(ears));
    return {
      send: async (datagram) => {
        if (this.broken.has(name)) throw new Error('network is unreachable');
        this.said.push({ at: this.clock.monotonic(), net, from: address, datagram });
        this.says(net, datagram, family === 4 ? address : `fe80::1%${name}`);
      },
      close: () => all.delete(ears),
    };
  };

  says(net: string, datagram: Uint8Array, source: string): void {
    for (const ears of this.#ears.get(net) ?? []) ears.heard(datagram, source);
  }

  sockets(net: string): number {
    return this.#ears.get(net)?.size ?? 0;
  }

  told(from: string): number[] {
    return this.said.filter((one) => one.from === from && one.datagram.length > 100).map(({ at }) => at);
  }
}

interface Router {
  readonly mdns: Mdns;
  readonly found: [string, readonly string[]][];
  interfaces: InterfaceAddresses[];
  listening: string[];
}

const key = (digit: number) => `${digit}${digit}`.repeat(32);

describe('discovery', () => {
  let clock: FakeClock;
  let subnets: Subnets;
  let life: AbortController;
  const running: Mdns[] = [];

  beforeEach(() => {
    clock = new FakeClock();
    subnets = new Subnets(clock);
    life = new AbortController();
  });

  afterEach(async () => {
    life.abort();
    for (const mdns of running.splice(0)) await mdns.stop();
  });

  async function router(digit: number, interfaces: InterfaceAddresses[], psk = PSK): Promise<Router> {
    const found: Router['found'] = [];
    const made: Router = {
      interfaces,
      listening: ['/ip4/0.0.0.0/tcp/4411'],
      found,
      mdns: new Mdns({
        self: key(digit),
        psk,
        interfaces: () => made.interfaces,
        listening: () => made.listening,
        onFound: (peer, addresses) => found.push([peer, addresses]),
        clock,
        log: silentLog,
        random: () => 0.5,
        open: subnets.open,
      }),
    };
    running.push(made.mdns);
    await made.mdns.start(life.signal);
    await clock.advance(0);
    return made;
  }

  const on = (name: string, net: number, last: number): InterfaceAddresses => {
    subnets.cables.set(name, `net${net}`);
    return { name, addresses: [`10.0.${net}.${last}/24`] };
  };

  it('finds each router within a fifth of a second of its start, and itself never', async () => {
    const one = await router(1, [on('a0', 1, 1)]);
    await clock.advance(10_000);
    const two = await router(2, [on('b0', 1, 2)]);
    await clock.advance(200);
    expect(one.found).toEqual([[key(2), ['/ip4/10.0.1.2/tcp/4411']]]);
    expect(two.found).toEqual([[key(1), ['/ip4/10.0.1.1/tcp/4411']]]);
  });

  it('tells of an interface its own addresses, and nobody of another subnet hears them', async () => {
    const one = await router(1, [on('a0', 1, 1)]);
    const both = await router(2, [on('b0', 1, 2), on('b1', 2, 2)]);
    const three = await router(3, [on('c0', 2, 3)]);
    await clock.advance(500);
    expect(new Map(one.found)).toEqual(new Map([[key(2), ['/ip4/10.0.1.2/tcp/4411']]]));
    expect(new Map(three.found)).toEqual(new Map([[key(2), ['/ip4/10.0.2.2/tcp/4411']]]));
    expect(new Set(both.found.map(([peer]) => peer))).toEqual(new Set([key(1), key(3)]));
    expect(both.mdns.interfaces).toBe(2);
  });

  it('asks after growing pauses and then only tells, once a minute', async () => {
    await router(1, [on('a0', 1, 1)]);
    await clock.advance(10 * 60_000);
    const asked = subnets.said
      .filter(({ datagram }) => datagram.length < 100)
      .map(({ at }) => Math.round(at / 1000));
    expect(asked).toEqual([0, 1, 3, 7, 15, 31]);
    const told = subnets.told('10.0.1.1').filter((at) => at > 120_000);
    expect(told.length).toBe(8);
  });

  it('answers at most once a second, however often it is asked', async () => {
    await router(1, [on('a0', 1, 1)]);
    await clock.advance(100_000);
    const before = subnets.told('10.0.1.1').length;
    for (let i = 0; i < 100; i++) {
      subnets.says('net1/4', question(tag.service), `10.0.1.${100 + i}`);
      await clock.advance(50);
    }
    const told = subnets.told('10.0.1.1').slice(before);
    expect(told.length).toBeGreaterThan(3);
    for (let i = 1; i < told.length; i++)
      expect((told[i] ?? 0) - (told[i - 1] ?? 0)).toBeGreaterThanOrEqual(999);
  });

  it('says at once that an address changed, on the interface where it did', async () => {
    const one = await router(1, [on('a0', 1, 1), on('a1', 2, 1)]);
    const two = await router(2, [on('b0', 1, 2)]);
    await clock.advance(300_000);
    two.found.length = 0;
    const elsewhere = subnets.told('10.0.2.1').length;
    one.interfaces = [{ name: 'a0', addresses: ['10.0.1.9/24'] }, on('a1', 2, 1)];
    one.listening = ['/ip4/10.0.1.9/tcp/4411', '/ip4/10.0.2.1/tcp/4411'];
    await clock.advance(2_500);
    expect(two.found[0]).toEqual([key(1), ['/ip4/10.0.1.9/tcp/4411']]);
    expect(subnets.told('10.0.2.1').length).toBe(elsewhere);
  });

  it('asks but tells nothing where it cannot be dialled', async () => {
    const one = await router(1, [on('a0', 1, 1)]);
    one.listening = ['/ip4/10.0.9.9/tcp/4411'];
    const two = await router(2, [on('b0', 1, 2)]);
    await clock.advance(500);
    expect(one.found).toEqual([[key(2), ['/ip4/10.0.1.2/tcp/4411']]]);
    expect(two.found).toEqual([]);
  });

  it('follows interfaces that come and go', async () => {
    const one = await router(1, []);
    await clock.advance(5_000);
    one.interfaces = [on('a0', 1, 1)];
    await clock.advance(2_500);
    expect(subnets.sockets('net1/4')).toBe(1);
    one.interfaces = [];
    await clock.advance(2_500);
    expect(subnets.sockets('net1/4')).toBe(0);
    expect(one.mdns.problems()).toEqual([]);
  });

  it('tells where it does not work, tries again after growing pauses, and finds all the same', async () => {
    subnets.broken.add('a0');
    const one = await router(1, [on('a0', 1, 1)]);
    const two = await router(2, [on('b0', 1, 2)]);
    await clock.advance(30_000);
    expect(one.mdns.problems()).toEqual([
      'routers of the home are not looked for on a0: address already in use',
    ]);
    subnets.broken.delete('a0');
    await clock.advance(62_000);
    expect(one.mdns.problems()).toEqual([]);
    expect(two.found.length).toBeGreaterThan(0);
    // A network that is unreachable for a while, under a socket that stands.
    subnets.broken.add('a0');
    await clock.advance(70_000);
    expect(one.mdns.problems()).toEqual([
      'routers of the home are not looked for on a0: address already in use',
    ]);
    subnets.broken.delete('a0');
    one.found.length = 0;
    await clock.advance(62_000);
    expect(one.found.length).toBeGreaterThan(0);
    expect(one.mdns.problems()).toEqual([]);
  });

  it('believes nobody without the key, and hears the others while somebody floods', async () => {
    const one = await router(1, [on('a0', 1, 1)]);
    await router(4, [on('d0', 1, 4)], Buffer.alloc(32, 9));
    await clock.advance(1_000);
    const forged = answer(tag.service, Buffer.alloc(100, 7));
    for (let i = 0; i < 10_000; i++) subnets.says('net1/4', forged, '10.0.1.66');
    await router(2, [on('b0', 1, 2)]);
    await clock.advance(200);
    subnets.says('net1/4', answer(tag.service, Buffer.alloc(100)), '10.0.7.7');
    expect(new Set(one.found.map(([peer]) => peer))).toEqual(new Set([key(2)]));
    const stats = one.mdns.stats();
    expect(stats['mdns.forged']).toBe(20);
    expect(stats['mdns.flooded']).toBe(9_980);
    expect(stats['mdns.elsewhere']).toBe(1);
    expect(stats['mdns.foreign']).toBeGreaterThan(0);
  });

  it('says goodbye at its end, closes, and says no more', async () => {
    const one = await router(1, [on('a0', 1, 1)]);
    const two = await router(2, [on('b0', 1, 2)]);
    await clock.advance(500);
    await one.mdns.stop();
    await one.mdns.stop();
    const last = subnets.said.at(-1)?.datagram ?? new Uint8Array();
    // A goodbye is no announcement to anybody who reads it.
    expect(read(last, tag.service)).toEqual({ ok: true, value: { asks: false, sealed: [] } });
    expect(last.length).toBeGreaterThan(100);
    expect(subnets.sockets('net1/4')).toBe(1);
    const said = subnets.told('10.0.1.1').length;
    await clock.advance(120_000);
    expect(subnets.told('10.0.1.1').length).toBe(said);
    expect(two.found.length).toBeGreaterThan(0);
  });

  it('speaks both families where an interface has both, with the same addresses', async () => {
    const one = await router(1, []);
    one.listening = ['/ip4/0.0.0.0/tcp/4411', '/ip6/::/tcp/4411'];
    one.interfaces = [{ name: 'x0', addresses: ['10.0.1.1/24', 'fd77::1/64'] }];
    await clock.advance(2_500);
    for (const net of ['x0/4', 'x0/6']) {
      const told = subnets.said.find((one) => one.net === net && one.datagram.length > 100);
      const message = read(told?.datagram ?? new Uint8Array(), tag.service);
      const [sealed = new Uint8Array()] = message.ok ? message.value.sealed : [];
      expect(unseal(sealed, tag)).toEqual({
        ok: true,
        value: { peer: key(1), addresses: ['/ip4/10.0.1.1/tcp/4411', '/ip6/fd77::1/tcp/4411'] },
      });
    }
  });

  it('speaks on so many interfaces and tells when there are more', async () => {
    const many = Array.from({ length: MAX_INTERFACES + 3 }, (_, i) => ({
      name: `v${i}`,
      addresses: [`10.1.${i}.1/24`],
    }));
    const one = await router(1, many);
    await clock.advance(10);
    expect(one.mdns.interfaces).toBe(MAX_INTERFACES);
    expect(one.mdns.problems()).toEqual(['mDNS speaks on 32 interfaces only; 3 more are left out']);
  });
});
