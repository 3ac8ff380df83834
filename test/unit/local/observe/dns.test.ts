import { expect, test } from 'vitest';
import { parseDnsAnswer, parseMdnsRecords, tcpMessages } from '../../../../src/local/observe/dns.ts';
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

test('TCP: whole messages of a segment, not the half of one', () => {
  const message = answer('ads.example', [A('ads.example', '198.51.100.7')]);
  const framed = [message.length >> 8, message.length & 255, ...message];
  expect(tcpMessages(Uint8Array.from([...framed, ...framed])).map((bytes) => bytes.length)).toEqual([
    message.length,
    message.length,
  ]);
  expect(tcpMessages(Uint8Array.from(framed.slice(0, -1)))).toEqual([]);
  expect(tcpMessages(Uint8Array.from([0, 0, 0, 0]))).toEqual([]);
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
