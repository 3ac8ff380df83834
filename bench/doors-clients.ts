/**
 * Clients of a broker, run on its router: `node bench/doors-clients.ts PORT COUNT SECONDS` subscribes to everything with COUNT
 * clients and one more that stops reading, and prints what came.
 */
import { connect as connectSocket, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import mqtt from 'mqtt';

export interface DoorsClients {
  readonly clients: number;
  /** Of all clients together. */
  readonly messages: number;
  readonly bytes: number;
  /** Retained messages that one client was told first. */
  readonly retained: number;
  /** Clients that were cut off although they read. */
  readonly lost: number;
  /** When the one that stopped reading was cut off, seconds; undefined if it was not. */
  readonly cutAfterS: number | undefined;
}

const [port = 1883, count = 100, seconds = 60] = process.argv.slice(2).map(Number);
const CONNECT_MS = 20_000;
/** What everybody wants to hear. */
const FILTERS = ['hedgerow/#', 'homeassistant/#', 'SPIN/#'];

let [messages, bytes, retained, lost] = [0, 0, 0, 0];
let ended = false;

async function subscriber(first: boolean): Promise<() => void> {
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, {
    connectTimeout: CONNECT_MS,
    reconnectPeriod: 0,
  });
  client.on('message', (_topic, payload, packet) => {
    messages += 1;
    bytes += payload.length;
    if (first && packet.retain) retained += 1;
  });
  client.on('close', () => {
    if (!ended) lost += 1;
  });
  await client.subscribeAsync(FILTERS);
  return () => client.end(true);
}

/** MQTT 3.1.1 by hand, so that nothing reads behind our back: CONNECT and SUBSCRIBE (3.1, 3.8), then silence. */
async function stalled(): Promise<{ socket: Socket; cutAfterS: () => number | undefined }> {
  const socket = connectSocket({ port, host: '127.0.0.1' });
  const text = (value: string) => Buffer.concat([Buffer.from([0, value.length]), Buffer.from(value)]);
  const packet = (type: number, ...parts: Buffer[]) => {
    const body = Buffer.concat(parts);
    return Buffer.concat([Buffer.from([type, body.length]), body]);
  };
  const begun = performance.now();
  let cut: number | undefined;
  socket.on('error', () => socket.destroy());
  socket.pause();
  socket.write(packet(0x10, text('MQTT'), Buffer.from([4, 2, 0, 0]), text('stalled')));
  socket.write(
    packet(0x82, Buffer.from([0, 1]), ...FILTERS.flatMap((filter) => [text(filter), Buffer.from([0])])),
  );
  // Whoever does not read does not see the end either, but finds that nothing can be written any more.
  const look = setInterval(() => {
    socket.write(Buffer.from([0xc0, 0]), (error) => {
      if (error && cut === undefined) cut = (performance.now() - begun) / 1000;
    });
  }, 500);
  socket.on('close', () => clearInterval(look));
  return { socket, cutAfterS: () => cut };
}

const ends = [];
for (let n = 0; n < count; n++) ends.push(await subscriber(n === 0));
const slow = await stalled();
process.stdout.write('ready\n');
await sleep(2_000);
[messages, bytes] = [0, 0];
process.stdout.write('begun\n');
await sleep(seconds * 1000);
const found: DoorsClients = {
  clients: count,
  messages,
  bytes,
  retained,
  lost,
  cutAfterS: slow.cutAfterS(),
};
ended = true;
for (const end of ends) end();
slow.socket.destroy();
console.log(JSON.stringify(found));
