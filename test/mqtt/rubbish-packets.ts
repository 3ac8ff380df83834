import type { Duplex } from 'node:stream';
import { setTimeout as wait } from 'node:timers/promises';
import mqttPacket, { type Packet } from 'mqtt-packet';
import { type Clock, systemClock } from '../../src/clock.ts';
import type { Spoiler } from '../property/spoil.ts';
import { PASSWORD } from './embedded-world.ts';

/** Packets of clients (MQTT 3.1.1, 3): what rubbish is made of. */
const bytesOf = (packet: Packet) => mqttPacket.generate(packet);
const connect = {
  cmd: 'connect',
  clientId: 'raw',
  protocolId: 'MQTT',
  protocolVersion: 4,
  keepalive: 30,
  clean: true,
} as const;
const publish = { cmd: 'publish', payload: '{"first":"tv"}', retain: false, dup: false } as const;

export const HELLO = bytesOf(connect);
const HELLOS = [
  HELLO,
  bytesOf({ ...connect, clientId: '' }),
  bytesOf({ ...connect, clientId: 'x', clean: false }),
  bytesOf({ ...connect, protocolId: 'MQIsdp', protocolVersion: 3 }),
  bytesOf({ ...connect, protocolVersion: 5, properties: { sessionExpiryInterval: 9 } }),
  bytesOf({ ...connect, clientId: 'named', username: 'anna', password: Buffer.from(PASSWORD) }),
  bytesOf({ ...connect, clientId: 'wrong', username: 'anna', password: Buffer.from('wrong') }),
  bytesOf({
    ...connect,
    clientId: 'willing',
    will: { topic: 'hedgerow/attic/state', payload: Buffer.from('offline'), qos: 1, retain: true },
  }),
];
const SAID = [
  bytesOf({ ...publish, topic: 'hedgerow/attic/request/block', qos: 0 }),
  bytesOf({ ...publish, topic: 'hedgerow/attic/request/status', qos: 1, messageId: 7 }),
  bytesOf({ ...publish, topic: 'SPIN/jsonrpc/q', qos: 2, messageId: 8 }),
  bytesOf({ ...publish, topic: 'hedgerow/attic/state', qos: 0, retain: true }),
  bytesOf({ ...publish, topic: '$SYS/x', qos: 0, payload: 'x'.repeat(3_000) }),
  bytesOf({ cmd: 'pubrel', messageId: 8 }),
  bytesOf({ cmd: 'pubrec', messageId: 9 }),
  bytesOf({ cmd: 'puback', messageId: 9 }),
  bytesOf({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: '#', qos: 0 }] }),
  bytesOf({
    cmd: 'subscribe',
    messageId: 2,
    subscriptions: [
      { topic: 'hedgerow/+/response/#', qos: 2 },
      { topic: '$share/a/#', qos: 1 },
    ],
  }),
  bytesOf({ cmd: 'unsubscribe', messageId: 3, unsubscriptions: ['#', 'a/+'] }),
  bytesOf({ cmd: 'pingreq' }),
  bytesOf({ cmd: 'disconnect' }),
];

/** A packet whose body is spoilt and whose frame is right, so that it comes as far as the parser of the broker. */
function framed(spoiler: Spoiler, sample: Uint8Array): Uint8Array {
  const begin = sample.findIndex((byte, at) => at > 0 && byte < 0x80) + 1;
  const body = spoiler.bytes([sample.subarray(begin)]).subarray(0, 8_000);
  const head = [sample[0] ?? 0];
  for (let left = body.length; head.length === 1 || left > 0; left >>= 7)
    head.push((left & 0x7f) | (left > 0x7f ? 0x80 : 0));
  return Buffer.concat([Buffer.from(head), body]);
}

/** One input: a packet as it should be, or spoilt inside its frame, or all over. */
export function packet(spoiler: Spoiler, samples: readonly Uint8Array[] = SAID): Uint8Array {
  const how = spoiler.number(8);
  if (how < 2) return spoiler.pick(samples);
  return how < 7 ? framed(spoiler, spoiler.pick(samples)) : spoiler.bytes(samples);
}

/** What a client says on one connection: mostly a greeting first. */
export function talk(spoiler: Spoiler, packets: number): Uint8Array[] {
  const greeting = spoiler.number(8);
  const first = greeting === 0 ? packet(spoiler, HELLOS) : greeting < 3 ? spoiler.pick(HELLOS) : HELLO;
  const greets = spoiler.number(16) > 0;
  return [...(greets ? [first] : []), ...Array.from({ length: packets }, () => packet(spoiler))];
}

/**
 * Says the greeting, when it is answered the rest, and goes. Resolves when the stream is closed, by whomever.
 * @param isAnswered whether what has come so far answers the greeting; what is no greeting is not waited for long
 */
export async function say(
  stream: Duplex,
  greeting: readonly Uint8Array[],
  rest: readonly Uint8Array[],
  { politely, isAnswered }: { politely: boolean; isAnswered: (heard: string) => boolean },
): Promise<void> {
  const closed = new Promise((resolve) => stream.once('close', resolve));
  let heard = '';
  const answered = new Promise<void>((resolve) => {
    stream.on('data', (bytes: Buffer) => {
      if (heard.length < 1_000) heard += bytes.toString('latin1');
      if (isAnswered(heard)) resolve();
    });
  });
  stream.on('error', () => stream.destroy()).on('end', () => stream.destroy());
  stream.write(Buffer.concat(greeting));
  await Promise.race([answered, closed, wait(50)]);
  for (const each of rest) if (stream.writable) stream.write(each);
  if (politely) stream.end();
  await Promise.race([closed, wait(politely ? 100 : 2)]);
  stream.destroy();
  await closed;
}

/** The answer to a wrong password waits for a second, and everything is looked at once a second: here 50 times as often. */
export const quickClock: Clock = {
  ...systemClock,
  after: (ms, run) => systemClock.after(ms / 50, run),
};
