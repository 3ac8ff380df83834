import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MessageFramer } from '../../src/local/observe/external/framer.ts';
import { ExternalIntake } from '../../src/local/observe/external/intake.ts';
import { parseMessage } from '../../src/local/observe/external/message.ts';
import type { Packet } from '../../src/local/observe/packet.ts';
import type { Reading } from '../../src/local/observe/seen.ts';
import { canonicalAddress, canonicalDomain, canonicalMac } from '../../src/policy/address.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { CAPTURED, neighbourReport, packetReport } from '../unit/local/observe/datagrams.ts';

/** HEDGEROW_FUZZ=1000000 for the long run. */
const RUNS = Number(process.env.HEDGEROW_FUZZ ?? 50_000);
const SAMPLES = [
  ...CAPTURED,
  neighbourReport('02:00:00:00:01:01', [192, 168, 77, 11]),
  packetReport([192, 168, 77, 11], [203, 0, 113, 20], { little: false }),
];
const REASONS = ['short', 'long', 'type', 'length', 'family', 'name', 'mac', 'number', 'empty'];

/** Datagrams with some of their bytes changed, cut off or with more behind. */
const mutated = fc
  .tuple(
    fc.constantFrom(...SAMPLES),
    fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 8 }),
    fc.nat(),
    fc.uint8Array({ maxLength: 40 }),
  )
  .map(([sample, changes, cut, more]) => {
    const bytes = Buffer.concat([sample, cut % 5 === 0 ? more : Buffer.alloc(0)]);
    // The first bytes decide most: they are changed as often as all the others.
    for (const [at, value] of changes) bytes[at % 2 === 0 ? at % bytes.length : at % 64] = value;
    return cut % 7 === 1 ? bytes.subarray(0, cut % (bytes.length + 1)) : bytes;
  });

function isSound(packet: Packet): boolean {
  const { src, dst, protocol, sport, dport, packets, bytes } = packet;
  return (
    canonicalAddress(src) === src &&
    canonicalAddress(dst) === dst &&
    [protocol, sport, dport, packets, bytes].every((one) => Number.isSafeInteger(one) && one >= 0) &&
    protocol <= 255 &&
    Math.max(sport, dport) <= 65_535 &&
    packets > 0
  );
}

test('a mutated datagram is a sound message or a reason', { timeout: 600_000 }, () => {
  fc.assert(
    fc.property(mutated, (bytes) => {
      const message = parseMessage(bytes);
      if (typeof message === 'string') return REASONS.includes(message);
      if (message.kind === 'packet') return isSound(message.packet);
      if (message.kind === 'neighbour')
        return (
          canonicalMac(message.mac) === message.mac && canonicalAddress(message.address) === message.address
        );
      const address = message.kind === 'answer' ? message.address : message.client;
      return canonicalDomain(message.domain) === message.domain && canonicalAddress(address) === address;
    }),
    { numRuns: RUNS },
  );
});

test('a stream of rubbish and messages, in any pieces, costs at most what is rubbish', () => {
  const piece = fc.oneof(fc.constantFrom(...SAMPLES), mutated, fc.uint8Array({ maxLength: 400 }));
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), fc.integer({ min: 1, max: 700 }), (pieces, size) => {
      const stream = Buffer.concat([...pieces, ...SAMPLES]);
      const clock = new FakeClock();
      const seen: (Packet | Reading)[] = [];
      const intake = new ExternalIntake({
        clock,
        holdMs: 0,
        interfaceOf: () => 'br-lan',
        isFollowed: () => false,
        onPacket: (packet) => seen.push(packet),
        onReading: (reading) => seen.push(reading),
      });
      let taken = 0;
      const framer = new MessageFramer((message) => {
        taken += message.length;
        intake.take(message);
      });
      for (let at = 0; at < stream.length; at += size) framer.push(stream.subarray(at, at + size));
      expect(taken + framer.skipped + framer.waiting).toBe(stream.length);
      expect(framer.waiting).toBeLessThan(308);
      intake.finish();
      // The longest message swallows less than two of the samples at the end.
      expect(seen.length).toBeGreaterThan(SAMPLES.length / 2);
    }),
    { numRuns: 500 },
  );
});
