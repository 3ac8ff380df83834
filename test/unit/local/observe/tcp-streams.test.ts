import { expect, test } from 'vitest';
import { DnsStreams } from '../../../../src/local/observe/dns-streams.ts';
import type { TcpFrame } from '../../../../src/local/observe/frame.ts';
import { MAX_REST, TcpStreams } from '../../../../src/local/observe/tcp-streams.ts';

const segment = (seq: number, payload: ArrayLike<number>, more: Partial<TcpFrame> = {}): TcpFrame => ({
  kind: 'tcp',
  source: undefined,
  vlan: undefined,
  src: '192.168.77.1',
  dst: '192.168.77.11',
  sport: 53,
  dport: 4000,
  seq: seq >>> 0,
  begins: false,
  ends: false,
  missing: 0,
  payload: Uint8Array.from(payload),
  ...more,
});

/** Messages of these bytes, each with its length before it. */
const framed = (...messages: number[][]) =>
  messages.flatMap((message) => [message.length >> 8, message.length & 255, ...message]);

function taken(...frames: TcpFrame[]) {
  const streams = new DnsStreams();
  return {
    messages: frames.flatMap((frame) => streams.take(frame).map((one) => [...one])),
    ...streams.counters,
  };
}

const FIVE = [1, 2, 3, 4, 5];
const bytes = framed(FIVE, [6, 7]);

test('messages in one segment, and over any cut of them', () => {
  for (let cut = 0; cut <= bytes.length; cut++) {
    for (let other = cut; other <= bytes.length; other++) {
      const parts = [bytes.slice(0, cut), bytes.slice(cut, other), bytes.slice(other)];
      const starts = [1_000, 1_000 + cut, 1_000 + other];
      const segments = parts.map((part, i) => segment(starts[i] ?? 0, part));
      expect(taken(...segments)).toEqual({ messages: [FIVE, [6, 7]], gaps: 0, evicted: 0 });
    }
  }
});

test('from the SYN on, round the end of the numbers', () => {
  const syn = segment(0xfffffffb, [], { begins: true });
  expect(taken(syn, segment(-4, bytes.slice(0, 6)), segment(2, bytes.slice(6))).messages).toEqual([
    FIVE,
    [6, 7],
  ]);
  const withData = segment(0xfffffffb, bytes.slice(0, 6), { begins: true });
  expect(taken(withData, segment(2, bytes.slice(6))).messages).toEqual([FIVE, [6, 7]]);
});

test('what was sent again is passed over, also where it overlaps', () => {
  const first = segment(100, bytes.slice(0, 4));
  expect(taken(first, first, segment(102, bytes.slice(2)), segment(100, bytes)).messages).toEqual([
    FIVE,
    [6, 7],
  ]);
});

test('at a gap the beginning is read, then nothing before the connection begins anew', () => {
  const { messages, gaps } = taken(
    segment(100, bytes.slice(0, 5)),
    segment(106, bytes.slice(6)),
    segment(105, bytes.slice(5)),
    segment(900, [], { begins: true }),
    segment(901, bytes),
  );
  expect(messages).toEqual([[1, 2, 3], FIVE, [6, 7]]);
  expect(gaps).toBe(1);
});

test('a segment that the capture cut off: its beginning is read', () => {
  expect(taken(segment(100, bytes.slice(0, 5), { missing: 5 }), segment(110, bytes))).toEqual({
    messages: [[1, 2, 3]],
    gaps: 1,
    evicted: 0,
  });
});

test('the end of a connection is the end of its numbers', () => {
  expect(taken(segment(100, framed(FIVE), { ends: true }), segment(7, framed([6]))).messages).toEqual([
    FIVE,
    [6],
  ]);
});

test('a message longer than what is kept: its beginning is read, and nothing more', () => {
  const long = new Array<number>(1_000).fill(9);
  const streams = new DnsStreams();
  const messages: number[] = [];
  for (let i = 0; i < 20; i++) {
    const payload = i === 0 ? [0xff, 0xff, ...long.slice(2)] : long;
    for (const message of streams.take(segment(i * 1_000, payload))) messages.push(message.length);
  }
  expect(messages).toEqual([9_000 - 2]);
  expect(messages[0]).toBeLessThan(MAX_REST + 1_000);
  expect(streams.counters.gaps).toBe(1);
});

test('at most 256 streams: the oldest gives way, and is counted if it waited for something', () => {
  const streams = new TcpStreams();
  for (let dport = 1; dport <= 300; dport++) {
    const frame = segment(1, FIVE, { dport });
    const got = streams.take(frame);
    if (got !== undefined && dport <= 10) streams.keep(frame, got.bytes);
  }
  expect(streams.size).toBe(256);
  expect(streams.counters.evicted).toBe(10);
});
