import dnsPacket, { type Answer } from 'dns-packet';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CaptureReader } from '../../src/local/observe/capture-reader.ts';
import { parseClientHello } from '../../src/local/observe/client-hello.ts';
import { parseDhcp } from '../../src/local/observe/dhcp.ts';
import { parseDnsAnswer, parseMdnsRecords } from '../../src/local/observe/dns.ts';
import { parseFrame } from '../../src/local/observe/frame.ts';
import { FrameStreams, readFrame } from '../../src/local/observe/frame-facts.ts';
import { parsePacket } from '../../src/local/observe/packet-reader.ts';
import { QueryLog } from '../../src/local/observe/query-log.ts';
import { canonicalAddress, canonicalDomain, canonicalMac } from '../../src/policy/address.ts';
import { fixtureBytes, fixtureLines } from '../unit/local/observe/fixture.ts';
import { answer, arp, dhcp, ethernet, ipv4, ipv6, ROUTER, TV, udp } from '../unit/local/observe/packets.ts';
import { type Compressible, compressed } from './compressed.ts';

const RUNS = { numRuns: 2_000 };

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

const names = [
  'www.example',
  'WWW.Example',
  'a.www.example',
  'cdn.example',
  'edge.cdn.example',
  'x.y.z.example',
];
const name = fc.constantFrom(...names);
const record: fc.Arbitrary<Compressible> = fc.oneof(
  fc.record({ type: fc.constant('A' as const), name, ttl, data: ipv4Text }),
  fc.record({ type: fc.constant('AAAA' as const), name, ttl, data: ipv6Text }),
  fc.record({
    type: fc.constantFrom('CNAME' as const, 'NS' as const, 'PTR' as const),
    name,
    ttl,
    data: name,
  }),
  fc.record({ type: fc.constant('MX' as const), name, ttl, data: name }),
  fc.record({ type: fc.constant('TXT' as const), name, ttl, data: label }),
);

/** What follows from the records by the rules, worked out from what dns-packet reads. */
function expected(question: string, answers: readonly Answer[]) {
  const records = answers.flatMap((one) =>
    one.type === 'A' || one.type === 'AAAA' || one.type === 'CNAME'
      ? [
          {
            ...one,
            name: one.name.toLowerCase(),
            data: one.type === 'CNAME' ? one.data.toLowerCase() : one.data,
          },
        ]
      : [],
  );
  const chain = [question.toLowerCase()];
  for (let i = 0; i < chain.length; i++) {
    for (const { type, name, data } of records) {
      if (type === 'CNAME' && name === chain[i] && !chain.includes(data)) chain.push(data);
    }
  }
  const addresses = records.filter(({ type, name }) => type !== 'CNAME' && chain.includes(name));
  return {
    chain: chain.slice(1),
    addresses: [...new Set(addresses.map(({ data }) => canonicalAddress(data)))],
  };
}

test('records of many kinds in any order, with compressed names: the same as dns-packet reads', () => {
  fc.assert(
    fc.property(name, fc.array(record, { maxLength: 30 }), (question, records) => {
      const bytes = compressed(question, records);
      const oracle = dnsPacket.decode(bytes);
      expect(oracle.answers).toHaveLength(records.length);
      const wanted = expected(question, oracle.answers ?? []);
      const read = parseDnsAnswer(bytes);
      if (typeof read === 'string') {
        expect([read, wanted.addresses]).toEqual(['empty', []]);
        return;
      }
      expect(read.domain).toBe(question.toLowerCase());
      expect(read.chain).toEqual(wanted.chain);
      expect(read.addresses).toEqual(wanted.addresses);
    }),
    RUNS,
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

const LINK_TYPES = fc.constantFrom(0, 1, 9, 12, 51, 101, 108, 113, 228, 229, 239, 276, 999);

test('frame rubbish: what is read of it is canonical', () => {
  const counters = { frames: 0, ignored: 0, answers: 0 };
  const streams = new FrameStreams({ sni: true });
  const rubbish = fc.oneof(fc.uint8Array({ maxLength: 200 }), mutated(FRAMES));
  fc.assert(
    fc.property(
      rubbish,
      fc.oneof(fc.constant(1), LINK_TYPES),
      fc.nat({ max: 3_000 }),
      (bytes, linkType, length) => {
        parseFrame(bytes, linkType);
        parseDhcp(bytes);
        for (const reading of readFrame(bytes, linkType, 'br-lan', counters, streams)) {
          if (reading.kind !== 'seen') continue;
          expect(canonicalMac(reading.mac)).toBe(reading.mac);
          expect(canonicalAddress(reading.address)).toBe(reading.address);
        }
        const read = parsePacket(bytes, linkType, length);
        if (typeof read === 'string') return;
        expect(canonicalAddress(read.packet.src)).toBe(read.packet.src);
        expect(read.packet.bytes).toBeLessThanOrEqual(Math.max(length, bytes.length));
      },
    ),
    RUNS,
  );
  expect(counters.frames).toBe(RUNS.numRuns);
});

test('capture rubbish, in chunks of any size: bounded and without exception', () => {
  const captures = ['dns-brlan.pcap', 'dns-vlan-qinq-pppoe.pcapng'].map((file) =>
    fixtureBytes(`capture/${file}`).subarray(0, 4_000),
  );
  fc.assert(
    fc.property(mutated(captures), fc.integer({ min: 1, max: 4_000 }), (bytes, size) => {
      let total = 0;
      const reader = new CaptureReader((frame) => {
        total += frame.bytes.length;
      });
      for (let at = 0; at < bytes.length; at += size) reader.push(bytes.subarray(at, at + size));
      reader.end();
      expect(total).toBeLessThanOrEqual(bytes.length);
    }),
    { numRuns: 500 },
  );
});

test('ClientHello rubbish: a name is canonical, everything else a reason', () => {
  const hello = fixtureBytes('capture/tls-clienthello.pcap').subarray(24 + 16 + 66, 24 + 16 + 390);
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 600 }), mutated([hello])), (bytes) => {
      const read = parseClientHello(bytes);
      if (typeof read !== 'string') expect(canonicalDomain(read.domain)).toBe(read.domain);
    }),
    RUNS,
  );
});

test('query log rubbish: what is told is canonical, whatever lines come', () => {
  const lines = fixtureLines('capture/dnsmasq-log-queries-extra.txt');
  const word = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 20 }),
    fc.constantFrom(
      'reply',
      'is',
      '<CNAME>',
      'query[A]',
      '1 192.168.77.11/56239',
      'www.example.test',
      '::1',
      '%',
    ),
  );
  const line = fc
    .tuple(fc.constantFrom(...lines), fc.array(fc.tuple(fc.nat(), word), { maxLength: 4 }))
    .map(([text, edits]) => {
      const words = text.split(' ');
      for (const [at, other] of edits) words[at % words.length] = other;
      return words.join(' ');
    });
  fc.assert(
    fc.property(fc.array(fc.oneof(line, fc.string({ unit: 'binary' })), { maxLength: 20 }), (all) => {
      const log = new QueryLog(({ domain, chain, addresses }) => {
        expect([domain, ...chain].map((one) => canonicalDomain(one))).toEqual([domain, ...chain]);
        expect(addresses.map((address) => canonicalAddress(address))).toEqual(addresses);
      });
      for (const one of all) log.line(one);
      log.flush();
      expect(log.counters.lines).toBe(all.length);
    }),
    { numRuns: 200 },
  );
});
