import { expect, test } from 'vitest';
import { CaptureReader } from '../../../../src/local/observe/capture-reader.ts';
import { fixtureBytes } from './fixture.ts';
import { block, enhancedPacket, interfaceBlock, numbers, pcap, section } from './packets.ts';

function read(...chunks: Uint8Array[]) {
  const got: { hex: string; at: number; linkType: number; length: number }[] = [];
  const reader = new CaptureReader(({ bytes, at, linkType, length }) => {
    got.push({ hex: Buffer.from(bytes).toString('hex'), at, linkType, length });
  });
  for (const chunk of chunks) reader.push(chunk);
  reader.end();
  return { got, frames: reader.frames, broken: reader.broken };
}

const FRAME = Uint8Array.from([1, 2, 3]);
/** 1,000.5 s in microseconds, and in nanoseconds. */
const MICRO = [0, 1_000_500_000] as const;
const NANO = [232, 4_067_587_328] as const;

test('pcap and pcapng, whichever it is, cut anywhere', () => {
  for (const [path, frames] of [
    ['capture/dns-brlan.pcap', 17],
    ['capture/dns-vlan-qinq-pppoe.pcapng', 68],
  ] as const) {
    const whole = fixtureBytes(path);
    const reference = read(whole);
    expect(reference).toMatchObject({ frames, broken: undefined });
    for (const size of [1, 3, 17, 1_000]) {
      const chunks: Uint8Array[] = [];
      for (let at = 0; at < whole.length; at += size) chunks.push(whole.subarray(at, at + size));
      expect(read(...chunks)).toEqual(reference);
    }
  }
});

test('the same frames at the same times in both forms', () => {
  const [one, other] = [
    fixtureBytes('capture/dns-brlan.pcap'),
    fixtureBytes('capture/dns-vlan-qinq-pppoe.pcapng'),
  ];
  const plain = read(other).got.filter((_, i) => i % 4 === 0);
  expect(plain.map(({ hex }) => hex)).toEqual(read(one).got.map(({ hex }) => hex));
});

test.each([true, false])(
  'pcapng, little-endian %s: interfaces with link types and clocks of their own',
  (little) => {
    const option = (code: number, value: Buffer) =>
      Buffer.concat([
        numbers(little, [2, code], [2, value.length]),
        value,
        Buffer.alloc((4 - (value.length % 4)) % 4),
      ]);
    const offset = Buffer.alloc(8);
    if (little) offset.writeBigInt64LE(-500n);
    else offset.writeBigInt64BE(-500n);
    const nano = Buffer.concat([option(9, Buffer.from([9])), option(14, offset)]);
    const { got, broken } = read(
      section(little),
      interfaceBlock(1, undefined, little),
      interfaceBlock(101, nano, little),
      interfaceBlock(113, option(9, Buffer.from([0x80 + 10])), little),
      enhancedPacket(0, MICRO, FRAME, { little, length: 1_500 }),
      enhancedPacket(1, NANO, FRAME, { little }),
      enhancedPacket(2, [0, 1_024_512], FRAME, { little }),
    );
    expect(broken).toBeUndefined();
    expect(got).toEqual([
      { hex: '010203', linkType: 1, at: 1_000_500, length: 1_500 },
      { hex: '010203', linkType: 101, at: 500_500, length: 3 },
      { hex: '010203', linkType: 113, at: 1_000_500, length: 3 },
    ]);
  },
);

test('pcapng: a new section may have another byte order, and begins without interfaces', () => {
  const { got, broken } = read(
    ...[section(true), interfaceBlock(1), enhancedPacket(0, MICRO, FRAME)],
    ...[section(false), interfaceBlock(101, undefined, false)],
    enhancedPacket(0, MICRO, FRAME, { little: false }),
    section(true),
    enhancedPacket(0, MICRO, FRAME),
  );
  expect(got.map(({ linkType }) => linkType)).toEqual([1, 101]);
  expect(broken).toBe('a packet of an interface that was not described');
});

test('pcapng: simple and obsolete packets; names, statistics and the unknown are passed over', () => {
  const { got, broken } = read(
    section(),
    interfaceBlock(1, undefined, true, 2),
    ...[4, 5, 10, 0xbad, 0x7fffffff].map((type) => block(type, Uint8Array.from([9, 9, 9, 9]))),
    block(
      2,
      Buffer.concat([numbers(true, [2, 0], [2, 7], [4, 0], [4, 1_000_500_000], [4, 3], [4, 9]), FRAME]),
    ),
    block(3, Buffer.concat([numbers(true, [4, 3]), FRAME.subarray(0, 2)])),
  );
  expect(broken).toBeUndefined();
  expect(got).toEqual([
    { hex: '010203', linkType: 1, at: 1_000_500, length: 9 },
    // As much as the interface's snapshot; without a time of its own.
    { hex: '0102', linkType: 1, at: 1_000_500, length: 3 },
  ]);
});

const spoilt = (bytes: Buffer, at: number, value: number) => {
  const copy = Buffer.from(bytes);
  copy.writeUInt32LE(value, at);
  return copy;
};

test.each([
  ['nothing at all', [], 'not a capture'],
  ['a text', [Buffer.from('this is certainly no capture file')], 'not a pcap stream'],
  ['half a header', [pcap([]).subarray(0, 20)], 'the capture ends in the middle of a frame'],
  ['half a frame', [pcap([FRAME]).subarray(0, -1)], 'the capture ends in the middle of a frame'],
  ['half a block', [section().subarray(0, -1)], 'the capture ends in the middle of a frame'],
  ['no byte order', [spoilt(section(), 8, 7)], 'not a pcapng stream'],
  ['another version', [spoilt(section(), 12, 9)], 'an unknown version of pcapng'],
  ['an odd length', [section(), spoilt(block(5, FRAME), 4, 17)], 'a block of impossible length'],
  ['a length of nothing', [section(), spoilt(block(5, FRAME), 4, 8)], 'a block of impossible length'],
  ['a gigantic block', [section(), spoilt(block(5, FRAME), 4, 0x7ffffffc)], 'a block that is too long'],
  ['two lengths', [section(), spoilt(block(5, FRAME), 12, 20)], 'a block whose lengths differ'],
  [
    'a short section',
    [block(0x0a0d0d0a, numbers(true, [4, 0x1a2b3c4d]))],
    'a section header that is too short',
  ],
  ['a short interface', [section(), block(1, FRAME)], 'an interface description that is too short'],
  ['a short packet', [section(), interfaceBlock(1), block(6, FRAME)], 'a packet block that is too short'],
  [
    'a packet beyond its block',
    [section(), interfaceBlock(1), spoilt(enhancedPacket(0, MICRO, FRAME), 20, 99)],
    'a packet that is longer than its block',
  ],
  ['too many interfaces', [section(), ...new Array(4_097).fill(interfaceBlock(1))], 'too many interfaces'],
])('broken: %s', (_, chunks, why) => {
  expect(read(...chunks)).toMatchObject({ frames: 0, broken: why });
});

test('what came before the damage was read', () => {
  expect(read(pcap([FRAME, FRAME]).subarray(0, -1))).toMatchObject({ frames: 1 });
  const { frames, broken } = read(
    section(),
    interfaceBlock(1),
    enhancedPacket(0, MICRO, FRAME),
    Buffer.alloc(64),
  );
  expect({ frames, broken }).toEqual({ frames: 1, broken: 'a block of impossible length' });
});
