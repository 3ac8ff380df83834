import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { packVendors } from '../../scripts/vendors.ts';
import { NodeCache } from '../../src/local/nodes/node-cache.ts';
import { Vendors } from '../../src/local/nodes/vendors.ts';
import type { Fact } from '../../src/local/observe/facts.ts';
import { deduceInterfaces, forwardsNothingText } from '../../src/local/observe/interfaces.ts';
import { deviceId, domainNodeId } from '../../src/policy/identity.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { hashing } from '../unit/local/hashing.ts';

const HOME = 'ab'.repeat(32);
const SEGMENTS = ['attic/br-lan', 'attic/br-guest'];
const mac = fc.integer({ min: 1, max: 6 }).map((n) => `02:00:00:00:01:0${n}`);
const inside = fc.integer({ min: 1, max: 5 }).map((n) => `192.168.77.${n}`);
const outside = fc.integer({ min: 1, max: 6 }).map((n) => `198.51.100.${n}`);
const domain = fc.integer({ min: 1, max: 6 }).map((n) => `d${n}.example`);

const neighbour = fc.record({
  kind: fc.constant('neighbour' as const),
  segment: fc.constantFrom(...SEGMENTS),
  interface: fc.constant('br-lan'),
  address: inside,
  mac,
  present: fc.boolean(),
  fresh: fc.boolean(),
});
const answer = fc.record({
  kind: fc.constant('answer' as const),
  domain,
  chain: fc.constant([]),
  addresses: fc.array(outside, { maxLength: 4 }),
  ttlS: fc.constant(60),
});
type Step =
  | Fact
  | { kind: 'note'; address: string }
  | { kind: 'wait'; minutes: number }
  | { kind: 'refer'; macs: string[]; domains: string[] };
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: neighbour },
  { weight: 6, arbitrary: answer },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('note' as const), address: outside }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('wait' as const), minutes: fc.nat(6_000) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('refer' as const),
      macs: fc.array(mac),
      domains: fc.array(domain),
    }),
  },
);

test('whatever is seen: an address has one owner, both indexes agree, caps hold, what is referred to stays', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const clock = new FakeClock();
      const caps = { devices: 4, remotes: 5, deviceAddresses: 3, remoteAddresses: 3 };
      const cache = new NodeCache({ home: HOME, crypto: hashing, clock, caps });
      let referred = new Set<string>();
      for (const one of steps) {
        const there = new Set(cache.descriptors().map(({ node }) => node));
        const { version } = cache;
        const before = JSON.stringify(
          cache
            .descriptors()
            .map(({ node, addresses }) => [node, new Set(addresses).size])
            .sort(),
        );
        if (one.kind === 'note') cache.noteRemote(one.address);
        else if (one.kind === 'wait') {
          await clock.advance(one.minutes * 60_000);
          cache.sweep();
        } else if (one.kind === 'refer') {
          referred = new Set([
            ...one.macs.map((text) => deviceId(hashing, HOME, text)),
            ...one.domains.map((text) => domainNodeId(hashing, HOME, text)),
          ]);
          cache.refer(referred);
        } else cache.apply(one);
        const after = JSON.stringify(
          cache
            .descriptors()
            .map(({ node, addresses }) => [node, new Set(addresses).size])
            .sort(),
        );
        if (before !== after) expect(cache.version).toBeGreaterThan(version);
        for (const node of referred) if (there.has(node)) expect(cache.descriptor(node)).toBeDefined();
        check(cache, caps);
      }
    }),
    { numRuns: 400 },
  );
});

function check(
  cache: NodeCache,
  caps: { devices: number; remotes: number; deviceAddresses: number; remoteAddresses: number },
): void {
  const owners = new Map<string, string>();
  const descriptors = cache.descriptors();
  for (const { node, device, addresses } of descriptors) {
    for (const { address, segment } of addresses) {
      if (!device) continue;
      expect(owners.get(`${segment} ${address}`)).toBeUndefined();
      owners.set(`${segment} ${address}`, node);
      expect(cache.deviceByAddress(segment, address)).toBe(node);
    }
    for (const segment of SEGMENTS) {
      expect(addresses.filter((one) => one.segment === segment).length).toBeLessThanOrEqual(
        caps.deviceAddresses,
      );
    }
    if (!device) expect(addresses.length).toBeLessThanOrEqual(caps.remoteAddresses);
  }
  for (let i = 1; i <= 6; i++) {
    const [address, far] = [`192.168.77.${i}`, `198.51.100.${i}`];
    for (const segment of SEGMENTS) {
      expect(cache.deviceByAddress(segment, address)).toBe(owners.get(`${segment} ${address}`));
    }
    const bound = descriptors.filter(
      ({ device, addresses }) => !device && addresses.some((one) => one.address === far),
    );
    const found = cache.remoteByAddress(far);
    if (bound.length === 0) expect(found).toBeUndefined();
    else expect(bound.map(({ node }) => node)).toContain(found);
    expect(new Set(cache.domainsOf(far))).toEqual(new Set(bound.flatMap(({ domains }) => domains)));
  }
  expect(descriptors.filter(({ device }) => device).length).toBeLessThanOrEqual(caps.devices);
  expect(descriptors.filter(({ device }) => !device).length).toBeLessThanOrEqual(caps.remotes);
}

test('the table of vendors: what was put in is found; a damaged one answers something or nothing, at once', () => {
  const folder = mkdtempSync(join(tmpdir(), 'hedgerow-vendors-'));
  const file = join(folder, 'vendors.bin');
  const prefix = fc.oneof(
    fc.integer({ min: 0, max: 2 ** 24 - 1 }).map((n) => n.toString(16).padStart(6, '0')),
    fc.integer({ min: 0, max: 2 ** 28 - 1 }).map((n) => n.toString(16).padStart(7, '0')),
    fc.integer({ min: 0, max: 2 ** 36 - 1 }).map((n) => n.toString(16).padStart(9, '0')),
  );
  const spoil = fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { maxLength: 6 });
  const colons = (digits: string) => (digits.match(/../g) ?? []).join(':');
  try {
    fc.assert(
      fc.property(fc.uniqueArray(prefix, { minLength: 1, maxLength: 12 }), spoil, (prefixes, edits) => {
        const table = packVendors(Object.fromEntries(prefixes.map((one) => [one, `vendor ${one}`])));
        writeFileSync(file, table);
        const vendors = new Vendors(file);
        for (const one of prefixes) {
          const mac = one.padEnd(12, '0');
          const [longest] = prefixes
            .filter((other) => mac.startsWith(other))
            .sort((x, y) => y.length - x.length);
          const local = (Number.parseInt(mac.slice(0, 2), 16) & 2) === 2;
          expect(vendors.vendorOf(colons(mac))).toBe(local ? undefined : `vendor ${longest}`);
        }
        for (const [at, byte] of edits) table[at % table.length] = byte;
        writeFileSync(file, table);
        const damaged = new Vendors(file);
        for (const one of prefixes) damaged.vendorOf(colons(one.padEnd(12, '0')));
      }),
      { numRuns: 100 },
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('whatever `ip` and the kernel say about interfaces: no interface is both LAN and WAN, and a text comes of it', () => {
  const words = fc.constantFrom(
    '1:',
    '2:',
    'br0',
    'eth0',
    'br0@eth0',
    'inet',
    'inet6',
    '192.168.1.1/24',
    'fd77::1/64',
  );
  const more = fc.constantFrom(
    'scope',
    'global',
    'default',
    'via',
    'dev',
    'link/ether',
    '02:00:00:00:00:01',
    'master',
    '\n',
    '\\',
  );
  const text = fc
    .array(fc.oneof(words, more, fc.string({ maxLength: 4 })), { maxLength: 60 })
    .map((all) => all.join(' '));
  fc.assert(
    fc.property(
      fc.record({ addr: text, link: text, route4: text, route6: text, forwarding: text }),
      fc.option(fc.array(fc.constantFrom('br0', 'eth0')), { nil: undefined }),
      (texts, lan) => {
        const found = deduceInterfaces(texts, { router: 'attic', lan });
        for (const { name } of found.lan) expect(found.wan).not.toContain(name);
        expect(forwardsNothingText(found) === undefined).toBe(found.forwardsNothing === undefined);
      },
    ),
    { numRuns: 300 },
  );
});
