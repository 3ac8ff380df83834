/**
 * Traffic for the tests of enforcement. Prints a growing number (packets or bytes) every 20 ms and at its end, which is
 * the end of its standard input. Its connections end with it: what a block keeps from being acknowledged would be sent again
 * for minutes, and be counted by other tests.
 *   udp-send SOURCE[@PORT] TARGET PORT RATE   packets sent, RATE a second; `A,B C,D`: from A to C and from B to D in turn
 *   udp-ask SOURCE TARGET PORT RATE    the same, but answers that came
 *   udp-answer ADDRESS PORT            questions answered
 *   udp-count PORT [REMOTE]            packets received; with REMOTE only its own
 *   tcp-serve PORT[,PORT]              sends without end to whoever connects; bytes sent
 *   tcp-try SOURCE[@PORT] TARGET PORT ...   tries each connection for a second, and prints 1 or 0 for each; ends by itself
 *   tcp-read SOURCE TARGET PORT        bytes read
 */
import { createSocket } from 'node:dgram';
import { connect, createServer, type Socket } from 'node:net';

const [mode = '', ...args] = process.argv.slice(2);
let count = 0;
const endings: (() => void)[] = [];
const tell = (): void => void process.stdout.write(`${count}\n`);
const family = (address: string) => (address.includes(':') ? 'udp6' : 'udp4');

if (mode === 'udp-send' || mode === 'udp-ask') {
  const [source = '', target = '', port = '', rate = '1000'] = args;
  const targets = target.split(',');
  const sockets = await Promise.all(
    source.split(',').map(async (from) => {
      const [address = '', own = '0'] = from.split('@');
      const socket = createSocket(family(address));
      socket.on('error', () => undefined);
      if (mode === 'udp-ask') socket.on('message', () => (count += 1));
      await new Promise<void>((resolve) => socket.bind({ address, port: Number(own) }, resolve));
      return socket;
    }),
  );
  const begun = performance.now();
  let sent = 0;
  const timer = setInterval(() => {
    const due = ((performance.now() - begun) * Number(rate)) / 1000;
    for (; sent < due; sent++) {
      const way = sent % sockets.length;
      sockets[way]?.send('x', Number(port), targets[way]);
    }
    if (mode === 'udp-send') count = sent;
  }, 1);
  endings.push(() => clearInterval(timer));
} else if (mode === 'udp-answer') {
  const socket = createSocket(family(args[0] ?? ''));
  socket.on('message', (_, { port, address }) => {
    count += 1;
    socket.send('y', port, address);
  });
  socket.bind({ address: args[0], port: Number(args[1]) }, tell);
} else if (mode === 'udp-count') {
  const socket = createSocket('udp6');
  socket.on('message', (_, from) => {
    if (args[1] === undefined || from.address.endsWith(args[1])) count += 1;
  });
  socket.bind({ port: Number(args[0]) }, tell);
} else if (mode === 'tcp-serve') {
  const serve = (socket: Socket): void => {
    socket.on('error', () => undefined);
    const timer = setInterval(() => {
      if (socket.writableLength === 0) socket.write(Buffer.alloc(16_384));
      count += 16_384;
    }, 2);
    socket.on('close', () => clearInterval(timer));
    endings.push(() => socket.resetAndDestroy());
  };
  for (const port of (args[0] ?? '').split(',')) createServer(serve).listen(Number(port), '::', tell);
} else if (mode === 'tcp-try') {
  const tries: Promise<boolean>[] = [];
  for (let i = 0; i < args.length; i += 3) {
    const [from = '', host = '', port = ''] = args.slice(i, i + 3);
    const [localAddress = '', localPort = '0'] = from.split('@');
    const socket = connect({ host, port: Number(port), localAddress, localPort: Number(localPort) });
    tries.push(
      new Promise((resolve) => {
        socket.once('connect', () => resolve(true));
        socket.once('error', () => resolve(false));
        setTimeout(() => resolve(false), 1_000);
      }),
    );
  }
  const passed = await Promise.all(tries);
  process.stdout.write(`${passed.map(Number).join('')}\n`, () => process.exit(0));
} else {
  const [source = '', target = '', port = ''] = args;
  const socket = connect({ host: target, port: Number(port), localAddress: source });
  socket.on('error', () => undefined);
  socket.on('data', (data) => {
    count += data.length;
  });
  endings.push(() => socket.resetAndDestroy());
}
setInterval(tell, 20);
process.stdin.resume();
process.stdin.on('end', () => {
  for (const end of endings) end();
  tell();
  process.stdout.end(() => process.exit(0));
});
