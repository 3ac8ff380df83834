import fc from 'fast-check';
import mqttPacket from 'mqtt-packet';
import { describe, expect, it } from 'vitest';
import { FrameScanner } from '../../src/mqtt/embedded/frames.ts';
import { Kept } from '../../src/mqtt/embedded/kept.ts';
import { type Rights, rulesFor } from '../../src/mqtt/embedded/rights.ts';
import { covers, filterPattern, isFilter, isTopic } from '../../src/mqtt/topic-filter.ts';

const level = fc.constantFrom('a', 'b', '+', '#', '', '$x', 'request', 'response', 'hedgerow', '.*', '\\');
const path = fc.array(level, { minLength: 1, maxLength: 6 }).map((levels) => levels.join('/'));
const text = fc.oneof(path, fc.string({ maxLength: 300, unit: 'binary' }));
const rights = fc.constantFrom<Rights>('none', 'read', 'write', 'full');
const RANK: readonly Rights[] = ['none', 'read', 'write', 'full'];

describe('topics and rights', () => {
  it('one expression says what the walk through the levels says', () => {
    fc.assert(
      fc.property(
        fc.array(path.filter(isFilter), { maxLength: 4 }),
        text.filter(isTopic),
        (filters, topic) => {
          expect(filterPattern(filters).test(topic)).toBe(filters.some((filter) => covers(filter, topic)));
        },
      ),
    );
  });

  it('nobody publishes but commands, no right takes away what a lesser one gives, and rubbish is no error', () => {
    const commands = ['hedgerow/+/request/#', 'a/b'];
    const rules = rulesFor(commands);
    fc.assert(
      fc.property(rights, text, (given, topic) => {
        if (rules.mayPublish(given, topic)) {
          expect(['write', 'full']).toContain(given);
          expect(isTopic(topic) && commands.some((filter) => covers(filter, topic))).toBe(true);
        }
        if (rules.maySubscribe(given, topic)) expect(isFilter(topic)).toBe(true);
        for (const more of RANK.slice(RANK.indexOf(given)))
          for (const may of [rules.mayPublish, rules.maySubscribe, rules.mayReceive])
            expect(!may(given, topic) || may(more, topic)).toBe(true);
        if (rules.mayReceive(given, topic)) expect(topic.startsWith('$')).toBe(false);
      }),
    );
  });

  it('keeps at most so many topics, and tells those under a filter', () => {
    const change = fc.tuple(path.filter(isTopic), fc.constantFrom('', 'x', 'y'));
    fc.assert(
      fc.property(fc.array(change, { maxLength: 60 }), path.filter(isFilter), (changes, filter) => {
        const kept = new Kept(5);
        const model = new Map<string, string>();
        for (const [topic, payload] of changes) {
          const room = payload === '' || model.has(topic) || model.size < 5;
          expect(kept.retain(topic, Buffer.from(payload))).toBe(room);
          if (payload === '') model.delete(topic);
          else if (room) model.set(topic, payload);
        }
        expect(kept.size).toBe(model.size);
        expect([...kept.under(filter)].map(({ topic, payload }) => [topic, payload])).toEqual(
          [...model].filter(([topic]) => covers(filter, topic)),
        );
      }),
    );
  });
});

it('keeps nothing of a client that has gone, also when what it said is looked at only then', async () => {
  const kept = new Kept(5);
  await kept.incomingStorePacket({ id: 'here' }, { messageId: 1 });
  await kept.incomingStorePacket({ id: 'gone', closed: true }, { messageId: 1 });
  expect(kept.clients).toBe(1);
});

const LIMITS = { publishBytes: 1_000, otherBytes: 200 };
const packet = fc.oneof(
  fc.nat(900).map((length) => ({
    cmd: 'publish' as const,
    topic: 't',
    payload: Buffer.alloc(length),
    qos: 0 as const,
    dup: false,
    retain: false,
  })),
  fc.constant({ cmd: 'pingreq' as const }),
  fc.nat(60).map((n) => ({
    cmd: 'subscribe' as const,
    messageId: 1,
    subscriptions: [{ topic: 't'.repeat(n + 1), qos: 0 as const }],
  })),
);
const CONNECT = mqttPacket.generate({
  cmd: 'connect',
  clientId: 'c',
  protocolId: 'MQTT',
  protocolVersion: 4,
  clean: true,
  keepalive: 0,
});

/** Cuts bytes into pieces at random places. */
const cut = (bytes: Buffer, sizes: readonly number[]) => {
  const pieces: Buffer[] = [];
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length] ?? 1;
    pieces.push(bytes.subarray(at, at + size));
    at += size;
  }
  return pieces;
};

describe('the scanner before the broker', () => {
  it('sees every packet, however the bytes are cut', () => {
    fc.assert(
      fc.property(
        fc.array(packet, { maxLength: 20 }),
        fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 9 }),
        (packets, sizes) => {
          const seen: number[] = [];
          const scanner = new FrameScanner(LIMITS, (type) => {
            seen.push(type);
            return undefined;
          });
          const bytes = Buffer.concat([CONNECT, ...packets.map((each) => mqttPacket.generate(each))]);
          for (const piece of cut(bytes, sizes)) expect(scanner.scan(piece)).toBe(undefined);
          expect(seen).toEqual([
            1,
            ...packets.map(({ cmd }) => ({ publish: 3, pingreq: 12, subscribe: 8 })[cmd]),
          ]);
        },
      ),
    );
  });

  it('says no to what is too long before it has come, and never throws', () => {
    const scan = (...bytes: number[]) =>
      new FrameScanner(LIMITS, () => undefined).scan(Buffer.concat([CONNECT, Buffer.from(bytes)]));
    expect(scan(0x30, 0xe8, 0x07)).toBe(undefined);
    expect(scan(0x30, 0xe9, 0x07)).toBe('too long');
    expect(scan(0x82, 0xc9, 0x01)).toBe('too long');
    expect(scan(0x30, 0xff, 0xff, 0xff, 0xff)).toBe('malformed');
    expect(scan(0x00, 0x00)).toBe('malformed');
    expect(scan(0xf0, 0x00)).toBe('malformed');
    expect(scan(0x10, 0x00)).toBe('malformed');
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 10 }), (chunks) => {
        const scanner = new FrameScanner(LIMITS, () => undefined);
        for (const chunk of chunks) {
          const wrong = scanner.scan(chunk);
          expect([undefined, 'malformed', 'too long']).toContain(wrong);
          if (wrong !== undefined) return;
        }
      }),
    );
  });
});
