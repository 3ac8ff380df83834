import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { describe, expect, it, vi } from 'vitest';
import { openWorld } from '../doors/http-world.ts';
import { Spoiler } from '../property/spoil.ts';
import { PATIENCE_MS, RUBBISH, withstands } from '../support/rubbish.ts';
import { embeddedWorld, heard } from './embedded-world.ts';
import { quickClock, say, talk } from './rubbish-packets.ts';

const SEED = Number(process.env.FAST_CHECK_SEED ?? 20261121) || 1;
/** MQTT packets in frames on one connection, and connections at a time. */
const PACKETS = 9;
const CONNECTIONS = 100;
/** Something has come behind the handshake. */
const isAnswered = (heard: string) => /\r\n\r\n./s.test(heard);

const HANDSHAKE = [
  'GET /mqtt HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n',
  'Sec-WebSocket-Protocol: mqtt\r\n\r\n',
].join('');
const HANDSHAKES = [
  HANDSHAKE,
  HANDSHAKE.replace('Host: localhost\r\n', 'Host: localhost\r\nOrigin: http://localhost\r\n'),
  HANDSHAKE.replace('mqtt\r\n', 'chat, mqttv3.1\r\nSec-WebSocket-Extensions: permessage-deflate; x=1\r\n'),
].map((text) => Buffer.from(text));

/** A frame of a client (RFC 6455, 5.2). */
function frame(spoiler: Spoiler, payload: Uint8Array): Uint8Array {
  const opcode = spoiler.number(30) === 0 ? spoiler.number(16) : 2;
  const length = payload.length;
  const long = length > 125;
  const head = Buffer.alloc(long ? 4 : 2);
  head[0] = (spoiler.number(40) === 0 ? 0 : 0x80) | opcode;
  head[1] = 0x80 | (long ? 126 : length);
  if (long) head.writeUInt16BE(length, 2);
  const mask = randomBytes(4);
  const masked = Buffer.from(payload.map((byte, at) => byte ^ (mask[at % 4] ?? 0)));
  const whole = Buffer.concat([head, mask, masked]);
  return spoiler.number(30) === 0 ? spoiler.bytes([whole]) : whole;
}

/** All that is said on one connection: mostly a handshake as it should be. */
function visit(spoiler: Spoiler): Uint8Array[] {
  const handshake = spoiler.number(4) === 0 ? spoiler.bytes(HANDSHAKES) : spoiler.pick(HANDSHAKES);
  return [handshake, ...talk(spoiler, PACKETS).map((packet) => frame(spoiler, packet))];
}

describe('rubbish over WebSocket', { timeout: PATIENCE_MS }, () => {
  it.each(['the HTTP server', 'the broker'])('on the port of %s hurts nobody', async (whose) => {
    await using world = await embeddedWorld('write', { clock: quickClock });
    const { broker, embedded } = world;
    const http = await openWorld({
      mqtt: (stream, { rights, connection }) => broker.accept(stream, rights, connection),
      limits: { requestsPerMinute: 1e9 },
    });
    try {
      const port = whose === 'the broker' ? world.webPort : http.port;
      const client = await world.client({ clientId: 'honest' }, `ws://127.0.0.1:${port}/mqtt`);
      const messages = heard(client);
      await client.subscribeAsync('hedgerow/attic/state');
      let said = 0;
      const honest = async () => {
        const payload = String(++said);
        const came = vi.waitFor(() => expect(messages.at(-1)).toBe(`hedgerow/attic/state ${payload}`), {
          timeout: 20_000,
          interval: 5,
        });
        embedded.link.publish({ topic: 'hedgerow/attic/state', payload });
        await came;
        messages.length = 0;
      };
      const spoiler = new Spoiler(SEED);
      const batch = async () => {
        const visits = Array.from({ length: CONNECTIONS }, () => visit(spoiler));
        await Promise.all(
          visits.map((said) =>
            say(connect(port, '127.0.0.1'), said.slice(0, 2), said.slice(2), {
              politely: spoiler.number(2) === 0,
              isAnswered,
            }),
          ),
        );
        return CONNECTIONS * (PACKETS + 1);
      };
      await withstands(honest, batch, { count: RUBBISH / 2 });
      await vi.waitFor(() => expect(broker.counts.clients).toBe(1), 20_000);
      expect(broker.counts.tooMany).toBe(0);
      expect(broker.counts.cutMalformed).toBeGreaterThan(0);
      expect(broker.counts.deniedPublishes).toBeGreaterThan(0);
      // A stranger finds room still.
      expect((await world.client({}, `ws://127.0.0.1:${port}/mqtt`)).connected).toBe(true);
    } finally {
      await http.end();
    }
  });
});
