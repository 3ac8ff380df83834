import { beforeEach, describe, expect, it, vi } from 'vitest';
import { NodeCache } from '../../../src/local/nodes/node-cache.ts';
import { Publisher, shareable } from '../../../src/local/nodes/publisher.ts';
import type { Descriptor } from '../../../src/policy/descriptor.ts';
import type { Register } from '../../../src/policy/register-codec.ts';
import { MAX_REGISTERS_PER_PEER, Registers } from '../../../src/policy/registers.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { crypto, key, replica } from '../../support/household.ts';

const HOME = replica().home;
const TV = '02:00:00:00:01:01';
const LAN = 'attic/br-lan';
const P = key(0);
const COUNT = 2 ** 16;

/** A router's memory: what is lost with its store. */
class Router {
  readonly clock = new FakeClock();
  readonly registers = new Registers({ home: HOME, crypto, isMember: () => true });
  readonly persistent = new Set<string>();
  readonly said: Register[] = [];
  readonly cache: NodeCache;
  name = 'attic';
  random = 0.5;
  sign = P.sign;
  #publisher: Publisher | undefined;

  constructor(registers: Iterable<Uint8Array> = []) {
    for (const envelope of registers) this.registers.admit(envelope);
    this.registers.advance(P.peer);
    this.cache = new NodeCache({ home: HOME, crypto, clock: this.clock });
  }

  get publisher(): Publisher {
    this.#publisher ??= new Publisher({
      registers: this.registers,
      key: { peer: P.peer, sign: (message) => this.sign(message) },
      cache: this.cache,
      clock: this.clock,
      persistent: () => new Set(this.persistent),
      card: () => ({ name: this.name, prefixes: [], listens: [], macs: [] }),
      onPublished: (register) => this.said.push(register),
      random: () => this.random,
    });
    return this.#publisher;
  }

  /** What was said since the last look, in short. */
  heard(): string[] {
    return this.said.splice(0).map((register) => {
      const what =
        register.node === undefined ? `card ${register.card?.name}` : addresses(register.descriptor);
      return `${register.rev} ${what}`;
    });
  }

  see(address: string): string {
    this.cache.apply({
      kind: 'neighbour',
      segment: LAN,
      interface: 'br-lan',
      address,
      mac: TV,
      present: true,
      fresh: true,
    });
    return this.cache.deviceByMac(TV) ?? '';
  }

  answer(domain: string, ...found: string[]): string {
    this.cache.apply({ kind: 'answer', domain, chain: [], addresses: found, ttlS: 60 });
    return this.cache.remoteByDomain(domain) ?? '';
  }

  get gen(): number {
    return Math.max(...this.registers.of(P.peer).map(({ gen }) => gen));
  }
}

const addresses = (descriptor: Descriptor | undefined) =>
  descriptor === undefined ? 'taken back' : descriptor.addresses.map(({ address }) => address).join(' ');
const envelopes = (of: Router) => of.registers.of(P.peer).map(({ envelope }) => envelope);

describe('a router tells the others', () => {
  let router: Router;
  beforeEach(() => {
    router = new Router();
  });

  it('of itself and of the persistent nodes that it sees, and of nothing else', () => {
    const tv = router.see('192.168.1.20');
    router.answer('video.example', '203.0.113.10');
    const ads = router.answer('ads.example', '203.0.113.20');
    for (const id of [tv, ads, 'ab'.repeat(16)]) router.persistent.add(id);
    router.publisher.notify();
    expect(router.heard()).toEqual(['1 card attic', '2 192.168.1.20', '3 203.0.113.20']);
    expect(router.registers.vector().get(P.peer)).toEqual({ gen: router.gen, rev: 3 });
  });

  it('only what changed', async () => {
    router.persistent.add(router.see('192.168.1.20'));
    for (let n = 0; n < 3; n++) {
      router.publisher.notify();
      await router.clock.advance(2_000);
    }
    expect(router.heard()).toHaveLength(2);
    router.see('2001:db8:1::20');
    router.publisher.notify();
    expect(router.heard()).toEqual(['3 192.168.1.20 2001:db8:1::20']);
    router.name = 'loft';
    router.publisher.notify();
    expect(router.heard()).toEqual(['4 card loft']);
  });

  it('with a change, once that is on disk; of what comes meanwhile as ever', () => {
    const tv = router.see('192.168.1.20');
    router.publisher.notify();
    router.persistent.add(tv);
    router.said.splice(0);
    const tell = router.publisher.hold();
    expect(envelopes(router)).toHaveLength(2);
    router.persistent.add(router.answer('ads.example', '203.0.113.20'));
    router.publisher.notify();
    expect(router.heard()).toEqual(['3 203.0.113.20']);
    tell();
    expect(router.heard()).toEqual(['2 192.168.1.20']);
  });

  it('at most once a second per node, then the newest, and of other nodes at once', async () => {
    const tv = router.see('192.168.1.20');
    router.persistent.add(tv);
    router.publisher.notify();
    expect(router.heard()).toHaveLength(2);
    for (let n = 21; n < 30; n++) {
      await router.clock.advance(100);
      router.see(`192.168.1.${n}`);
      router.publisher.notify();
    }
    expect(router.heard()).toEqual([]);
    router.persistent.add(router.answer('ads.example', '203.0.113.20'));
    router.publisher.notify();
    expect(router.heard()).toEqual(['3 203.0.113.20']);
    await router.clock.advance(99);
    expect(router.heard()).toEqual([]);
    await router.clock.advance(1);
    const [newest, ...more] = router.heard();
    expect(newest).toContain('192.168.1.29');
    expect(more).toEqual([]);
    await router.clock.advance(5_000);
    expect(router.heard()).toEqual([]);
  });

  it('when nothing refers to a node any more: takes it back, once', async () => {
    const tv = router.see('192.168.1.20');
    router.persistent.add(tv);
    router.publisher.notify();
    router.heard();
    router.persistent.delete(tv);
    await router.clock.advance(2_000);
    for (let n = 0; n < 3; n++) router.publisher.notify();
    expect(router.heard()).toEqual(['3 taken back']);
    router.persistent.add(tv);
    router.publisher.notify();
    expect(router.heard()).toEqual(['4 192.168.1.20']);
  });

  it('at the cost of what changed: other nodes are not looked at again', () => {
    const looked: string[] = [];
    const nodes = Array.from({ length: 20 }, (_, n) => router.answer(`n${n}.example`, `203.0.113.${n + 1}`));
    for (const id of nodes) router.persistent.add(id);
    router.publisher.notify();
    const describe = router.cache.descriptor.bind(router.cache);
    vi.spyOn(router.cache, 'descriptor').mockImplementation((id) => {
      looked.push(id);
      return describe(id);
    });
    router.publisher.notify();
    expect(looked).toEqual([]);
    const fresh = router.answer('fresh.example', '203.0.113.99');
    router.persistent.add(fresh);
    router.persistent.delete(nodes[3] ?? '');
    router.publisher.notify();
    expect(looked).toEqual([fresh]);
  });

  it('how many nodes are left out because there are too many, also when nothing of them changes', () => {
    // Thousands of real signatures would take seconds.
    router.sign = () => new Uint8Array(64);
    const nodes = Array.from({ length: MAX_REGISTERS_PER_PEER + 1 }, (_, n) =>
      n.toString(16).padStart(32, '0'),
    );
    const about = { device: false, macs: [], domains: [], names: [] };
    vi.spyOn(router.cache, 'descriptor').mockImplementation((node) => ({
      node,
      ...about,
      addresses: [{ address: '203.0.113.1' }],
    }));
    for (const id of nodes) router.persistent.add(id);
    router.publisher.notify();
    router.publisher.notify();
    expect(router.publisher.undescribed).toBe(2);
    for (const id of nodes.slice(-2)) router.persistent.delete(id);
    router.publisher.notify();
    expect(router.publisher.undescribed).toBe(0);
  });

  it('nothing after it was stopped', async () => {
    router.publisher.notify();
    router.persistent.add(router.see('192.168.1.20'));
    router.name = 'loft';
    router.publisher.notify();
    router.heard();
    router.publisher.stop();
    await router.clock.advance(100_000);
    router.publisher.notify();
    expect(router.heard()).toEqual([]);
  });

  it('knows after a restart what it had said, and says it anew in a later generation', () => {
    const tv = router.see('192.168.1.20');
    router.persistent.add(tv);
    router.publisher.notify();
    const later = new Router(envelopes(router));
    later.persistent.add(tv);
    later.publisher.notify();
    expect(later.heard()).toEqual(['1 card attic', '2 192.168.1.20']);
    expect(later.cache.descriptor(tv)?.addresses).toEqual([{ address: '192.168.1.20', segment: LAN }]);
    expect(later.gen).toBeGreaterThan(router.gen);
  });

  it('never says two things under one stamp, although its newest words were lost with the process', () => {
    router.persistent.add(router.answer('ads.example', '203.0.113.20'));
    router.publisher.notify();
    const kept = envelopes(router);
    const lost = router.answer('tracker.example', '203.0.113.30');
    router.persistent.add(lost);
    router.publisher.notify();
    const other = new Router(envelopes(router));

    const later = new Router(kept);
    const news = later.answer('video.example', '203.0.113.10');
    later.persistent.add(news);
    later.publisher.notify();
    const [mine] = later.registers.since(other.registers.vector());
    for (const envelope of mine?.envelopes ?? []) other.registers.admit(envelope);
    other.registers.advance(P.peer);
    expect(other.registers.register(P.peer, news)?.descriptor?.domains).toEqual(['video.example']);
    // What nobody refers to here any more is nobody's word any more.
    expect(other.registers.register(P.peer, lost)).toBeUndefined();
    expect(other.registers.digest).toBe(later.registers.digest);
  });
});

describe('a router that lost its store', () => {
  /** Grown up, so that its generation is above that of any beginner. */
  async function former(): Promise<{ router: Router; tv: string; ads: string }> {
    const router = new Router();
    const [tv, ads] = [router.see('192.168.1.20'), router.answer('ads.example', '203.0.113.20')];
    for (const id of [tv, ads]) router.persistent.add(id);
    router.publisher.notify();
    await router.clock.advance(60_000);
    return { router, tv, ads };
  }

  it('says everything anew in a greater generation once it hears of its older self', async () => {
    const { router, tv, ads } = await former();
    const reborn = new Router();
    reborn.persistent.add(tv).add(ads);
    reborn.publisher.notify();
    expect(reborn.heard()).toEqual(['1 card attic']);
    expect(reborn.gen).toBeLessThan(COUNT);
    reborn.answer('ads.example', '203.0.113.21');
    for (const envelope of envelopes(router)) reborn.registers.admit(envelope);
    reborn.registers.advance(P.peer);
    reborn.publisher.notify();
    // At once, and the remembered together with what it has seen since.
    expect(reborn.heard()).toEqual(['1 card attic', '2 192.168.1.20', '3 203.0.113.20 203.0.113.21']);
    expect(reborn.gen).toBeGreaterThan(router.gen);
    expect(reborn.registers.of(P.peer)).toHaveLength(3);
    reborn.publisher.notify();
    expect(reborn.heard()).toEqual([]);
  });

  it('waits until all of its older self is here, or what comes later would be lost; but not for ever', async () => {
    const { router, tv, ads } = await former();
    const all = envelopes(router);
    const reborn = new Router();
    reborn.persistent.add(tv).add(ads);
    reborn.publisher.notify();
    reborn.heard();
    reborn.registers.admit(all[0] ?? new Uint8Array(0));
    reborn.publisher.notify();
    expect(reborn.heard()).toEqual([]);
    for (const envelope of all) reborn.registers.admit(envelope);
    reborn.registers.advance(P.peer);
    reborn.publisher.notify();
    expect(reborn.heard()).toEqual(['1 card attic', '2 192.168.1.20', '3 203.0.113.20']);

    const cutOff = new Router();
    cutOff.persistent.add(tv);
    cutOff.publisher.notify();
    cutOff.registers.admit(all.at(-1) ?? new Uint8Array(0));
    cutOff.heard();
    cutOff.publisher.notify();
    expect(cutOff.heard()).toEqual([]);
    await cutOff.clock.advance(5_000);
    expect(cutOff.heard()).not.toEqual([]);
    expect(cutOff.gen).toBeGreaterThan(router.gen);
  });

  it('lets what nothing refers to any more end with the old generation', async () => {
    const { router, ads } = await former();
    const reborn = new Router(envelopes(router).slice(0, 0));
    reborn.persistent.add(ads);
    reborn.publisher.notify();
    reborn.heard();
    for (const envelope of envelopes(router)) reborn.registers.admit(envelope);
    reborn.registers.advance(P.peer);
    reborn.publisher.notify();
    expect(reborn.heard()).toEqual(['1 card attic', '2 203.0.113.20']);
    expect(reborn.registers.of(P.peer).map(({ gen }) => gen)).toEqual([reborn.gen, reborn.gen]);
  });

  it('counts as a beginner for a minute, and its lives do not meet in one generation', async () => {
    const { router } = await former();
    expect(Math.floor(router.gen / COUNT)).toBe(1);
    const young = [0, 0.25, 0.999_999].map((random) => {
      const reborn = new Router();
      reborn.random = random;
      reborn.publisher.notify();
      return reborn;
    });
    const gens = young.map(({ gen }) => gen);
    expect(new Set(gens).size).toBe(3);
    for (const gen of gens) {
      expect(gen).toBeGreaterThanOrEqual(1);
      expect(gen).toBeLessThan(COUNT);
    }
    const [first] = young;
    await first?.clock.advance(59_999);
    expect(first?.gen).toBe(gens[0]);
    await first?.clock.advance(1);
    expect(first?.gen).toBeGreaterThan(COUNT);
    expect(first?.heard()).toEqual(['1 card attic', '1 card attic']);
    await first?.clock.advance(600_000);
    expect(first?.heard()).toEqual([]);
  });
});

describe('what is told of a node', () => {
  const about: Descriptor = {
    node: 'ab'.repeat(16),
    device: false,
    macs: [],
    addresses: [{ address: '203.0.113.21' }, { address: '203.0.113.20' }, { address: '10.0.0.1' }],
    domains: ['b.example', 'a.example'],
    names: ['tv', 'kids', 'tv'],
  };

  it('is in a fixed order, without private addresses of remotes and without repetition', () => {
    expect(shareable(about)).toEqual({
      ...about,
      addresses: [{ address: '203.0.113.20' }, { address: '203.0.113.21' }],
      domains: ['a.example', 'b.example'],
      names: ['tv', 'kids'],
    });
  });

  it('keeps the private addresses of devices, with their segments', () => {
    const device = { ...about, device: true, macs: [TV], addresses: [{ address: '10.0.0.1', segment: LAN }] };
    expect(shareable(device)?.addresses).toEqual(device.addresses);
  });

  it('is nothing when nothing is left', () => {
    expect(shareable(undefined)).toBeUndefined();
    expect(shareable({ ...about, domains: [], addresses: [{ address: '10.0.0.1' }] })).toBeUndefined();
  });
});
