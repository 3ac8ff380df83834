import { expect, test } from 'vitest';
import { parseDnsAnswer, parseMdnsRecords } from '../../../../src/local/observe/dns.ts';
import { answer } from './packets.ts';

const A = (name: string, data: string, ttl = 60) => ({ type: 'A', name, data, ttl }) as const;
const CNAME = (name: string, data: string, ttl = 60) => ({ type: 'CNAME', name, data, ttl }) as const;

test('addresses of both families, once each, with the least time to live', () => {
  const bytes = answer('Ads.Example', [
    A('ads.example', '198.51.100.7', 300),
    A('ads.example', '198.51.100.7', 300),
    { type: 'AAAA', name: 'ads.example', data: '2001:db8:1::2', ttl: 30 },
  ]);
  expect(parseDnsAnswer(bytes)).toEqual({
    domain: 'ads.example',
    chain: [],
    addresses: ['198.51.100.7', '2001:db8:1::2'],
    ttlS: 30,
  });
});

test('aliases are followed in whatever order they stand', () => {
  const records = [
    A('edge.cdn.example', '198.51.100.7'),
    CNAME('a2.example', 'edge.cdn.example', 20),
    CNAME('www.example', 'a2.example'),
  ];
  const expected = { domain: 'www.example', chain: ['a2.example', 'edge.cdn.example'], ttlS: 20 };
  expect(parseDnsAnswer(answer('www.example', records))).toMatchObject(expected);
  expect(parseDnsAnswer(answer('www.example', [...records].reverse()))).toMatchObject(expected);
});

test('what the question does not lead to is not believed', () => {
  const bytes = answer('ads.example', [A('bank.example', '192.0.2.66'), A('ads.example', '198.51.100.7')]);
  expect(parseDnsAnswer(bytes)).toMatchObject({ addresses: ['198.51.100.7'] });
  expect(parseDnsAnswer(answer('ads.example', [A('bank.example', '192.0.2.66')]))).toBe('empty');
});

test('a ring of aliases ends', () => {
  const ring = [CNAME('a.example', 'b.example'), CNAME('b.example', 'a.example')];
  expect(parseDnsAnswer(answer('a.example', ring))).toBe('empty');
});

test.each([
  ['a question', answer('ads.example', [], { type: 'query' }), 'question'],
  ['a refusal', answer('ads.example', [], { flags: 5 }), 'failed'],
  ['no such name', answer('ads.example', [], { flags: 3 }), 'failed'],
  ['nothing', new Uint8Array(0), 'short'],
  ['a header alone', answer('ads.example', []).subarray(0, 12), 'short'],
  [
    'two questions',
    answer('a.example', [], {
      questions: [
        { type: 'A', name: 'a.b' },
        { type: 'A', name: 'b.c' },
      ],
    }),
    'kind',
  ],
  ['another type', answer('a.example', [], { questions: [{ type: 'TXT', name: 'a.example' }] }), 'kind'],
  ['a single label', answer('localhost', [A('localhost', '192.0.2.1')]), 'name'],
])('%s is not an answer', (_, bytes, why) => {
  expect(parseDnsAnswer(bytes)).toBe(why);
});

test('a truncated message is read as far as it goes', () => {
  const whole = answer('ads.example', [A('ads.example', '198.51.100.7'), A('ads.example', '198.51.100.8')]);
  expect(parseDnsAnswer(whole.subarray(0, whole.length - 3))).toMatchObject({ addresses: ['198.51.100.7'] });
});

test('pointers that go forward, to themselves, or round in circles are refused', () => {
  const header = [0, 7, 0x84, 0, 0, 1, 0, 1, 0, 0, 0, 0];
  for (const name of [
    [0xc0, 12],
    [0xc0, 40],
    [3, 97, 98, 99, 0xc0, 12],
    [0xff, 0xff],
    [0x40, 97],
  ]) {
    expect(parseDnsAnswer(Uint8Array.from([...header, ...name, 0, 1, 0, 1]))).toBe('short');
  }
});

test('a dot inside a label does not make two labels of it', () => {
  const bytes = Buffer.from(answer('xads.example', [A('xads.example', '198.51.100.7')]));
  bytes[bytes.indexOf('xads') + 1] = 0x2e;
  expect(parseDnsAnswer(bytes)).toBe('name');
});

test('counts of the header are believed by nobody', () => {
  const bytes = Buffer.from(answer('ads.example', [A('ads.example', '198.51.100.7')]));
  bytes.writeUInt16BE(65_535, 6);
  expect(parseDnsAnswer(bytes)).toMatchObject({ addresses: ['198.51.100.7'] });
});

test('at most 256 records are read', () => {
  const many = Array.from({ length: 400 }, (_, i) => A('ads.example', `10.0.${i >> 8}.${i & 255}`));
  const read = parseDnsAnswer(answer('ads.example', many));
  expect(typeof read === 'string' ? [] : read.addresses).toHaveLength(256);
});

/** An HTTPS or SVCB record; dns-packet does not write them. */
function service(type: 64 | 65, owner: string, priority: number, target: string, hints: Buffer): Uint8Array {
  const name = (text: string) =>
    Buffer.concat([
      ...text
        .split('.')
        .filter((label) => label !== '')
        .map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)])),
      Buffer.from([0]),
    ]);
  const data = Buffer.concat([Buffer.from([0, priority]), name(target), hints]);
  const record = Buffer.from([0, type, 0, 1, 0, 0, 0, 60, data.length >> 8, data.length & 255]);
  const head = Buffer.from([0, 7, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
  return Buffer.concat([head, name(owner), Buffer.from([0, type, 0, 1]), name(owner), record, data]);
}

const HINTS = Buffer.from([
  ...[0, 1, 0, 3, 2, 0x68, 0x32],
  ...[0, 4, 0, 8, 198, 51, 100, 7, 198, 51, 100, 8],
  ...[0, 6, 0, 16, 0x20, 1, 0xd, 0xb8, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2],
]);

test('service records: the hints are addresses of the domain, under the name of the service', () => {
  const addresses = ['198.51.100.7', '198.51.100.8', '2001:db8:1::2'];
  expect(parseDnsAnswer(service(65, 'www.example', 1, '', HINTS))).toEqual({
    domain: 'www.example',
    chain: [],
    addresses,
    ttlS: 60,
  });
  expect(parseDnsAnswer(service(65, 'www.example', 1, 'edge.example', HINTS))).toMatchObject({
    chain: ['edge.example'],
    addresses,
  });
  expect(parseDnsAnswer(service(64, '_dns.resolver.arpa', 1, 'dns.example', HINTS))).toMatchObject({
    addresses,
  });
});

test('service records without hints, or with some that are cut off, tell nothing', () => {
  expect(parseDnsAnswer(service(65, 'www.example', 0, 'pool.example', Buffer.alloc(0)))).toBe('empty');
  expect(parseDnsAnswer(service(65, 'www.example', 1, '', Buffer.from([0, 4, 0, 200, 1, 2, 3, 4])))).toBe(
    'empty',
  );
  expect(parseDnsAnswer(service(65, 'www.example', 1, '', Buffer.from([0, 4, 0, 3, 1, 2, 3])))).toBe('empty');
});

test('multicast DNS: records without a question, also with the bit that flushes caches', () => {
  const bytes = Buffer.from(answer('x.y', [A('kitchen-tv.local', '192.168.77.11')], { questions: [] }));
  expect(parseMdnsRecords(bytes)).toEqual([
    { owner: 'kitchen-tv.local', ttlS: 60, address: '192.168.77.11' },
  ]);
  const flush = Buffer.from(bytes);
  flush[flush.indexOf('local') + 5 + 1 + 2] = 0x80;
  expect(parseMdnsRecords(flush)).toHaveLength(1);
  expect(parseMdnsRecords(answer('x.y', []))).toEqual([]);
});
