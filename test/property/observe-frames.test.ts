import dnsPacket, { type Answer } from 'dns-packet';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseDhcp } from '../../src/local/observe/dhcp.ts';
import { parseDnsAnswer, parseMdnsRecords, tcpMessages } from '../../src/local/observe/dns.ts';
import { parseFrame } from '../../src/local/observe/frame.ts';
import { readFrame } from '../../src/local/observe/frame-facts.ts';
import { PcapReader } from '../../src/local/observe/pcap.ts';
import { canonicalAddress, canonicalDomain, canonicalMac } from '../../src/policy/address.ts';
import { fixtureBytes } from '../unit/local/observe/fixture.ts';
import { answer, arp, dhcp, ethernet, ipv4, ipv6, ROUTER, TV, udp } from '../unit/local/observe/packets.ts';

const RUNS = { numRuns: 3_000 };

/** Bytes with some of them changed, the end cut off or more put behind. */
function mutated(samples: readonly Uint8Array[]): fc.Arbitrary<Uint8Array> {
  const edits = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 12 });
  return fc
    .tuple(fc.constantFrom(...samples), edits, fc.nat(), fc.uint8Array({ maxLength: 40 }))
    .map(([sample, changes, cut, more]) => {
      const bytes = Uint8Array.from([...sample, ...more]);
      for (const [at, value] of changes) bytes[at % bytes.length] = value;
      return cut % 3 === 0 ? bytes.subarray(0, cut % (bytes.length + 1)) : bytes;
    });
}

const label = fc.stringMatching(/^[a-z]([a-z0-9-]{0,10}[a-z0-9])?$/);
const domain = fc.array(label, { minLength: 2, maxLength: 5 }).map((labels) => labels.join('.'));
const ttl = fc.integer({ min: 0, max: 1_000_000 });
const ipv4Text = fc.ipV4();
const ipv6Text = fc.ipV6().map((text) => canonicalAddress(text) ?? '::1');

/** A chain of aliases with addresses at its end, in any order. */
const wellFormed = fc
  .record({
    names: fc.uniqueArray(domain, { minLength: 1, maxLength: 6 }),
    v4: fc.array(ipv4Text, { maxLength: 5 }),
    v6: fc.array(ipv6Text, { maxLength: 5 }),
    ttls: fc.array(ttl, { minLength: 16, maxLength: 16 }),
    order: fc.array(fc.nat(), { minLength: 16, maxLength: 16 }),
  })
  .map(({ names, v4, v6, ttls, order }) => {
    const last = names.at(-1) ?? '';
    const records: Answer[] = [
      ...names
        .slice(1)
        .map((data, i) => ({ type: 'CNAME', name: names[i] ?? '', data, ttl: ttls[i] ?? 0 }) as const),
      ...v4.map((data, i) => ({ type: 'A', name: last, data, ttl: ttls[6 + i] ?? 0 }) as const),
      ...v6.map((data, i) => ({ type: 'AAAA', name: last, data, ttl: ttls[11 + i] ?? 0 }) as const),
    ];
    records.sort((a, b) => (order[records.indexOf(a)] ?? 0) - (order[records.indexOf(b)] ?? 0));
    return { names, addresses: [...v4, ...v6], records };
  });

test('well-formed answers: the same as dns-packet reads', () => {
  fc.assert(
    fc.property(wellFormed, ({ names, addresses, records }) => {
      const bytes = answer(names[0] ?? '', records);
      const oracle = dnsPacket.decode(Buffer.from(bytes)).answers ?? [];
      const expected = oracle.flatMap((record) =>
        record.type === 'A' || record.type === 'AAAA' ? [canonicalAddress(record.data)] : [],
      );
      const read = parseDnsAnswer(bytes);
      if (addresses.length === 0) {
        expect(read).toBe('empty');
        return;
      }
      if (typeof read === 'string') throw new Error(read);
      expect(read.domain).toBe(names[0]);
      expect(read.chain).toEqual(names.slice(1));
      expect(new Set(read.addresses)).toEqual(new Set(expected));
      expect(read.ttlS).toBe(Math.min(...oracle.map((record) => ('ttl' in record ? (record.ttl ?? 0) : 0))));
    }),
    { numRuns: 1_000 },
  );
});

const MESSAGE = answer('www.example', [
  { type: 'CNAME', name: 'www.example', data: 'a2.example', ttl: 60 },
  { type: 'A', name: 'a2.example', data: '198.51.100.7', ttl: 60 },
  { type: 'AAAA', name: 'a2.example', data: '2001:db8::7', ttl: 60 },
]);

test('DNS rubbish: an answer is canonical and bounded, everything else a reason', () => {
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 600 }), mutated([MESSAGE])), (bytes) => {
      const read = parseDnsAnswer(bytes);
      if (typeof read !== 'string') {
        expect(canonicalDomain(read.domain)).toBe(read.domain);
        expect(read.chain.map((name) => canonicalDomain(name))).toEqual(read.chain);
        expect(read.addresses.map((address) => canonicalAddress(address))).toEqual(read.addresses);
        expect(read.addresses.length).toBeLessThanOrEqual(256);
      }
      expect(parseMdnsRecords(bytes).length).toBeLessThanOrEqual(256);
      expect(tcpMessages(bytes).length).toBeLessThanOrEqual(8);
    }),
    RUNS,
  );
});

const SIX = 'fd770000000000000000000000000011';
const FRAMES = [
  ethernet(0x0806, arp(TV, '192.168.77.11')),
  ethernet(0x0800, ipv4(17, '192.168.77.1', '192.168.77.11', udp(53, 4000, MESSAGE)), ROUTER),
  ethernet(0x86dd, ipv6(17, SIX, SIX, udp(53, 4000, MESSAGE))),
  ethernet(0x86dd, ipv6(58, SIX, SIX, [136, ...new Array<number>(23).fill(7)])),
  ethernet(0x88a8, [
    0,
    9,
    0x81,
    0,
    0,
    7,
    8,
    0,
    ...ipv4(17, '192.168.77.11', '192.168.77.1', udp(5353, 5353, MESSAGE)),
  ]),
  ethernet(
    0x0800,
    ipv4(17, '192.168.77.1', '192.168.77.11', udp(67, 68, dhcp(2, TV, '192.168.77.11', [53, 1, 5]))),
  ),
];

test('frame rubbish: what is read of it is canonical', () => {
  const counters = { frames: 0, ignored: 0, answers: 0 };
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), mutated(FRAMES)), (bytes) => {
      parseFrame(bytes, 1);
      parseDhcp(bytes);
      for (const reading of readFrame(bytes, 1, 'br-lan', counters)) {
        if (reading.kind !== 'seen') continue;
        expect(canonicalMac(reading.mac)).toBe(reading.mac);
        expect(canonicalAddress(reading.address)).toBe(reading.address);
      }
    }),
    RUNS,
  );
  expect(counters.frames).toBe(RUNS.numRuns);
});

test('capture rubbish, in chunks of any size: bounded and without exception', () => {
  const capture = fixtureBytes('capture/dns-brlan.pcap');
  fc.assert(
    fc.property(mutated([capture]), fc.integer({ min: 1, max: 4_000 }), (bytes, size) => {
      let total = 0;
      const reader = new PcapReader((frame) => {
        total += frame.bytes.length;
      });
      for (let at = 0; at < bytes.length; at += size) reader.push(bytes.subarray(at, at + size));
      expect(total).toBeLessThanOrEqual(bytes.length);
    }),
    { numRuns: 500 },
  );
});

test('100,000 spoilt messages take bounded time and memory', () => {
  const bytes = Buffer.from(MESSAGE);
  let random = 1;
  const before = process.memoryUsage().heapUsed;
  const begun = performance.now();
  for (let i = 0; i < 100_000; i++) {
    random = (random * 1_103_515_245 + 12_345) & 0x7fffffff;
    const at = random % bytes.length;
    const old = bytes[at] ?? 0;
    bytes[at] = random >> 16;
    parseDnsAnswer(bytes);
    if (i % 3 !== 0) bytes[at] = old;
    if (i % 50 === 0) bytes.set(MESSAGE);
  }
  expect(performance.now() - begun).toBeLessThan(10_000);
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(100 * 1024 * 1024);
});
