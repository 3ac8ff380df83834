/**
 * Steady streams of UDP datagrams, run on a device: `datagrams.ts PER_SECOND SECONDS ADDRESS,PORT[,SOURCE_PORT]…`. Prints one
 * JSON line, `[{sent, failed, echoed}…]`, when it is over or told to stop (SIGTERM). Streams of our own, because those of
 * other tools need a control connection, which a block would cut as well.
 */
import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const MAX_PER_SECOND = 100_000;
const MAX_SECONDS = 3600;
const PAYLOAD = Buffer.from('hedgerow lab datagram');

/** Opens a stream; the function returned brings it to `due` datagrams. A refusal from the network does not end it. */
async function open(target: string) {
  const [address = '', port, sourcePort] = target.split(',');
  const count = { sent: 0, failed: 0, echoed: 0 };
  const socket = createSocket({ type: isIPv6(address) ? 'udp6' : 'udp4', ipv6Only: isIPv6(address) });
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(Number(sourcePort ?? 0), () => socket.connect(Number(port), address, resolve));
  });
  const failed = () => {
    count.failed += 1;
  };
  socket.removeAllListeners('error').on('error', failed);
  socket.on('message', () => {
    count.echoed += 1;
  });
  const send = (due: number) => {
    for (; count.sent < due; count.sent += 1) socket.send(PAYLOAD, (error) => error && failed());
  };
  return { count, send, close: () => socket.close() };
}

const [perSecond = Number.NaN, seconds = Number.NaN] = process.argv.slice(2, 4).map(Number);
const targets = process.argv.slice(4);
if (
  !(
    perSecond > 0 &&
    perSecond <= MAX_PER_SECOND &&
    seconds > 0 &&
    seconds <= MAX_SECONDS &&
    targets.length > 0
  )
) {
  throw new Error('usage: datagrams.ts PER_SECOND SECONDS ADDRESS,PORT[,SOURCE_PORT]…');
}

let stopped = false;
process.on('SIGTERM', () => {
  stopped = true;
});
const streams = await Promise.all(targets.map(open));
const begun = performance.now();
const elapsed = () => (performance.now() - begun) / 1000;
while (!stopped && elapsed() < seconds) {
  for (const { send } of streams) send(Math.floor(perSecond * elapsed()));
  await sleep(1);
}
await sleep(100);
console.log(JSON.stringify(streams.map(({ count }) => count)));
for (const { close } of streams) close();
