import { describe, expect, test } from 'vitest';
import { MessageFramer } from '../../../../src/local/observe/external/framer.ts';
import { parseMessage } from '../../../../src/local/observe/external/message.ts';
import { CAPTURED, message, neighbourReport, packetReport } from './datagrams.ts';

/** A copy with some of its bytes changed, from the payload's beginning. */
function changed(datagram: Buffer | undefined, at: number, ...bytes: number[]): Buffer {
  const copy = Buffer.from(datagram ?? Buffer.alloc(0));
  copy.set(bytes, 8 + at);
  return copy;
}

const [FIRST, QUESTION, ANSWER] = [CAPTURED[0], CAPTURED[6], CAPTURED[7]];

describe('datagrams of the real reader', () => {
  test('packets, of both families; bytes with the IP headers', () => {
    expect(parseMessage(CAPTURED[0] as Buffer)).toEqual({
      kind: 'packet',
      packet: {
        src: '192.168.8.10',
        dst: '203.0.113.20',
        protocol: 1,
        sport: 0,
        dport: 8,
        packets: 2,
        bytes: 128 + 2 * 20,
      },
    });
    expect(parseMessage(CAPTURED[10] as Buffer)).toMatchObject({
      packet: { src: '192.168.8.1', dst: '192.168.8.10', protocol: 17, sport: 53, dport: 51_576, bytes: 88 },
    });
    expect(parseMessage(CAPTURED[13] as Buffer)).toMatchObject({
      packet: {
        src: 'fd00:8::10',
        dst: '2001:db8:cafe::10',
        protocol: 58,
        dport: 128,
        packets: 2,
        bytes: 208,
      },
    });
  });

  test('a question and its answer', () => {
    expect(parseMessage(QUESTION as Buffer)).toEqual({
      kind: 'question',
      client: '192.168.8.10',
      domain: 'cdn.example.net',
    });
    expect(parseMessage(ANSWER as Buffer)).toEqual({
      kind: 'answer',
      domain: 'cdn.example.net',
      address: '203.0.113.20',
      ttlS: 1_234,
    });
  });

  test('all of them are understood', () => {
    expect(CAPTURED.map((one) => parseMessage(one)).filter((one) => typeof one === 'string')).toEqual([]);
  });
});

test('a sender of the other byte order is understood as well', () => {
  const [from, to] = [
    [192, 168, 8, 10],
    [203, 0, 113, 20],
  ];
  const what = { sport: 4_660, dport: 53, packets: 3n, bytes: 0x1_2345n };
  const little = parseMessage(packetReport(from, to, what));
  expect(parseMessage(packetReport(from, to, { ...what, little: false }))).toEqual(little);
  expect(little).toMatchObject({ packet: { sport: 4_660, dport: 53, packets: 3, bytes: 0x12345 + 60 } });
});

test.each([
  ['Linux', 10],
  ['OpenBSD', 24],
  ['FreeBSD', 28],
  ['macOS', 30],
  ['the protocol itself', 6],
])('a neighbour with an IPv6 address, its family as in %s', (_, family) => {
  const address = [0xfe, 0x80, ...Array<number>(13).fill(0), 1];
  expect(parseMessage(neighbourReport('02:00:00:00:01:0A', address, family))).toEqual({
    kind: 'neighbour',
    mac: '02:00:00:00:01:0a',
    address: 'fe80::1',
  });
});

const TV = [192, 168, 77, 11];
const FAR = [203, 0, 113, 20];
const noName = Buffer.alloc(256, 1);

test.each<[string, Buffer, string]>([
  ['nothing', Buffer.alloc(0), 'short'],
  ['half a header', Buffer.from([1, 0, 0, 0, 64, 0, 0]), 'short'],
  ['cut off', (FIRST as Buffer).subarray(0, -1), 'short'],
  ['only a header', (FIRST as Buffer).subarray(0, 8), 'short'],
  ['a byte more', Buffer.concat([FIRST as Buffer, Buffer.alloc(1)]), 'long'],
  ['two in one', Buffer.concat([FIRST as Buffer, ANSWER as Buffer]), 'long'],
  ['type 0', message(0, Buffer.alloc(64)), 'type'],
  ['type 5', message(5, Buffer.alloc(64)), 'type'],
  ['a negative type', message(0xffffffff, Buffer.alloc(64)), 'type'],
  ['type and length in different orders', Buffer.from('0100000000000040', 'hex'), 'length'],
  ['a packet of 60 bytes', message(1, Buffer.alloc(60)), 'length'],
  ['a length that lies', message(1, Buffer.alloc(64), true, 280), 'length'],
  ['a negative length', message(3, Buffer.alloc(280), true, 0xffffffff), 'length'],
  ['family 7', changed(FIRST, 0, 7), 'family'],
  ['family 7 of an answer', changed(ANSWER, 0, 7), 'family'],
  ['a negative family', changed(QUESTION, 0, 255, 255, 255, 255), 'family'],
  ['family 7 of a neighbour', neighbourReport('02:00:00:00:01:01', TV, 7), 'family'],
  ['an IPv4-mapped address', changed(FIRST, 0, 6, 6, ...Array<number>(10).fill(0), 255, 255), 'family'],
  ['no packets', packetReport(TV, FAR, { packets: 0n, bytes: 0n }), 'empty'],
  ['bytes of no packet', packetReport(TV, FAR, { packets: 0n, bytes: 5n }), 'empty'],
  ['negative packets', packetReport(TV, FAR, { packets: 0xffffffffffffffffn }), 'number'],
  ['negative bytes', packetReport(TV, FAR, { bytes: 0xffffffffffffff80n }), 'number'],
  ['more bytes than packets hold', packetReport(TV, FAR, { packets: 1n, bytes: 65_536n }), 'number'],
  ['a name without an end', changed(ANSWER, 24, ...noName), 'name'],
  ['a name that ends beyond the message', changed(ANSWER, 24, ...Array<number>(255).fill(1), 5), 'name'],
  ['a name with a pointer', changed(ANSWER, 24, 0xc0, 0), 'name'],
  ['an empty name', changed(ANSWER, 24, 0), 'name'],
  ['a name of one label', changed(ANSWER, 24, 1, 0x61, 0), 'name'],
  ['a dot in a label', changed(ANSWER, 24, 3, 0x61, 0x2e, 0x62, 1, 0x63, 0), 'name'],
  ['a question for rubbish', changed(QUESTION, 44, 2, 0, 7, 2, 0x61, 0x62, 0), 'name'],
  ['a MAC that is none', neighbourReport('garbage', TV), 'mac'],
  ['a MAC without an end', neighbourReport('02:00:00:00:01:010', TV), 'mac'],
  ['a MAC of binary', neighbourReport('\xff\x00\xfe', TV), 'mac'],
  ['a group MAC', neighbourReport('01:00:5e:00:00:01', TV), 'mac'],
])('%s is ignored', (_, datagram, reason) => {
  expect(parseMessage(datagram)).toBe(reason);
});

describe('a stream', () => {
  const cut = (chunks: readonly Buffer[]) => {
    const messages: Buffer[] = [];
    const framer = new MessageFramer((one) => messages.push(Buffer.from(one)));
    for (const chunk of chunks) framer.push(chunk);
    return { messages, framer };
  };

  test.each([1, 7, 64, 73, 100_000])('in pieces of %d bytes is cut where messages end', (size) => {
    const all = Buffer.concat(CAPTURED);
    const chunks: Buffer[] = [];
    for (let at = 0; at < all.length; at += size) chunks.push(all.subarray(at, at + size));
    const { messages, framer } = cut(chunks);
    expect(messages).toEqual(CAPTURED);
    expect([framer.skipped, framer.waiting]).toEqual([0, 0]);
  });

  test('rubbish between messages is passed over and counted', () => {
    const [one, two] = [CAPTURED[0] as Buffer, CAPTURED[7] as Buffer];
    const rubbish = message(9, Buffer.alloc(40, 1));
    const { messages, framer } = cut([rubbish, one, Buffer.from([1, 0, 0, 0, 3]), two]);
    expect(messages).toEqual([one, two]);
    expect(framer.skipped).toBe(rubbish.length + 5);
  });

  test('a message that lost its end costs the next one, and no more', () => {
    const [one, two, three] = CAPTURED as [Buffer, Buffer, Buffer];
    expect(cut([one.subarray(0, 40), two, three]).messages.at(-1)).toEqual(three);
  });

  test('what is half-read is forgotten when its sender is gone', () => {
    const messages: Uint8Array[] = [];
    const framer = new MessageFramer((one) => messages.push(one));
    framer.push((CAPTURED[0] as Buffer).subarray(0, 40));
    expect(framer.waiting).toBe(40);
    framer.reset();
    framer.push(CAPTURED[1] as Buffer);
    expect(messages).toHaveLength(1);
    expect(framer.skipped).toBe(40);
  });
});
