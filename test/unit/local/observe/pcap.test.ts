import { expect, test } from 'vitest';
import { PcapReader } from '../../../../src/local/observe/pcap.ts';
import { fixtureBytes } from './fixture.ts';
import { pcap } from './packets.ts';

function reading() {
  const got: { hex: string; at: number; linkType: number }[] = [];
  const reader = new PcapReader(({ bytes, at, linkType }) => {
    got.push({ hex: Buffer.from(bytes).toString('hex'), at, linkType });
  });
  return { got, reader };
}

const FRAMES = [Uint8Array.from([1, 2, 3]), new Uint8Array(0), Uint8Array.from([4])];

test.each([
  { little: true, nano: false },
  { little: false, nano: false },
  { little: true, nano: true },
  { little: false, nano: true },
])('byte order and fractions: %o', (format) => {
  const { got, reader } = reading();
  reader.push(pcap(FRAMES, format));
  expect(got).toEqual([
    { hex: '010203', at: 1_000_500, linkType: 1 },
    { hex: '', at: 1_001_500, linkType: 1 },
    { hex: '04', at: 1_002_500, linkType: 1 },
  ]);
});

test('any cut of the stream gives the same frames', () => {
  const whole = fixtureBytes('capture/dns-brlan.pcap');
  const reference = reading();
  reference.reader.push(whole);
  expect(reference.got).toHaveLength(17);
  for (const size of [1, 7, 16, 100, 1000]) {
    const { got, reader } = reading();
    for (let at = 0; at < whole.length; at += size) reader.push(whole.subarray(at, at + size));
    expect(got).toEqual(reference.got);
  }
});

test('another stream begins anew, in the middle of a frame', () => {
  const { got, reader } = reading();
  reader.push(pcap(FRAMES).subarray(0, 42));
  reader.reset();
  reader.push(pcap(FRAMES));
  expect(got).toHaveLength(3);
});

test('a frame that was cut by the capture has its length on the wire', () => {
  const bytes = pcap([Uint8Array.from([1, 2, 3])]);
  bytes.writeUInt32LE(1_500, 24 + 12);
  const lengths: number[] = [];
  new PcapReader(({ length }) => lengths.push(length)).push(bytes);
  expect(lengths).toEqual([1_500]);
});

test('the bits above the link type tell of a frame check sequence', () => {
  const bytes = pcap([Uint8Array.from([1])]);
  bytes.writeUInt32LE(0x4400_0001, 20);
  const { got, reader } = reading();
  reader.push(bytes);
  expect(got).toMatchObject([{ linkType: 1 }]);
});

test('what is not pcap, or a frame too long to be one, ends the reading', () => {
  const one = reading();
  one.reader.push(Buffer.from('this is certainly no capture file'));
  expect(one.reader.broken).toBe('not a pcap stream');
  const two = reading();
  const bytes = pcap(FRAMES);
  bytes.writeUInt32LE(0x7fffffff, 24 + 8);
  two.reader.push(bytes);
  expect(two.reader.broken).toBe('a frame that is too long');
  two.reader.push(bytes);
  expect(two.got).toEqual([]);
});
