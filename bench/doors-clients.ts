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
  /** Clients that were cut off although they read. */
  readonly lost: number;
}

const [port = 1883, count = 100, seconds = 60] = process.argv.slice(2).map(Number);
const CONNECT_MS = 20_000;
const SETTLE_MS = 5_000;
const ASKS = 6;
/** What everybody wants to hear. */
const FILTERS = ['hedgerow/#', 'homeassistant/#', 'SPIN/#'];

let [messages, bytes, lost] = [0, 0, 0];
let ended = false;

async function subscriber(): Promise<() => void> {
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, {
    connectTimeout: CONNECT_MS,
    reconnectPeriod: 0,
  });
  client.on('message', (_topic, payload) => {
    messages += 1;
    bytes += payload.length;
  });
  client.on('close', () => {
    if (!ended) lost += 1;
  });
  await client.subscribeAsync(FILTERS);
  return () => client.end(true);
}

/** MQTT 3.1.1 by hand, so that nothing reads behind our back: CONNECT and SUBSCRIBE (3.1, 3.8), then silence. */
function stalled(): Socket {
  const text = (value: string) => Buffer.concat([Buffer.from([0, value.length]), Buffer.from(value)]);
  const packet = (type: number, ...parts: Buffer[]) => {
    const body = Buffer.concat(parts);
    return Buffer.concat([Buffer.from([type, body.length]), body]);
  };
  const socket = connectSocket({ port, host: '127.0.0.1' });
  socket.on('error', () => socket.destroy());
  socket.pause();
  socket.write(packet(0x10, text('MQTT'), Buffer.from([4, 2, 0, 0]), text('stalled')));
  const wanted = FILTERS.flatMap((filter) => [text(filter), Buffer.from([0])]);
  // What is retained is told each time: enough to fill the kernel's own buffers.
  for (let n = 1; n <= ASKS; n++) socket.write(packet(0x82, Buffer.from([0, n]), ...wanted));
  return socket;
}

const ends = [];
for (let n = 0; n < count; n++) ends.push(await subscriber());
const slow = stalled();
process.stdout.write('ready\n');
// What is told at first is not measured.
await sleep(SETTLE_MS);
[messages, bytes] = [0, 0];
process.stdout.write('begun\n');
await sleep(seconds * 1000);
const found: DoorsClients = {
  clients: count,
  messages,
  bytes,
  lost,
};
ended = true;
for (const end of ends) end();
slow.destroy();
console.log(JSON.stringify(found));
