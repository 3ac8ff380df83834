/**
 * The servers of the small internet, in one process in net: HTTP on port 80 and echo (RFC 862) on port 7, TCP and UDP, on
 * every address they are told. ICMP is the kernel's. Usage: servers.ts CONTROL_SOCKET; `PUT /addresses` with a JSON
 * list there answers when all of them listen.
 */
import { createSocket, type Socket } from 'node:dgram';
import { createServer, type RequestListener, type ServerResponse } from 'node:http';
import { createServer as createTcpServer, isIPv6 } from 'node:net';
import { text } from 'node:stream/consumers';

const HTTP = 80;
const ECHO = 7;
/** A stream's pace in bytes a second: what `?rate=` may ask for, and what it gets when it does not ask. */
const RATE = { most: 10_000_000, usual: 64_000 };
const TICK_MS = 100;
const MAX_ADDRESSES = 1000;

const serving = new Set<string>();

/** `/` is a page that tells who answered; `/stream` a download that never ends, at `?rate=` bytes a second. */
const site: RequestListener = (request, response) => {
  const url = new URL(request.url ?? '/', 'http://site.example');
  if (url.pathname === '/stream') {
    stream(response, Math.min(Number(url.searchParams.get('rate')) || RATE.usual, RATE.most));
  } else if (url.pathname === '/') {
    response.end(`${request.headers.host} at ${request.socket.localAddress}\n`);
  } else {
    response.writeHead(404).end('no such page\n');
  }
};

function stream(response: ServerResponse, rate: number) {
  const piece = Buffer.alloc(Math.max(1, Math.round((rate * TICK_MS) / 1000)), 'stream ');
  response.writeHead(200, { 'content-type': 'application/octet-stream' });
  const timer = setInterval(() => {
    // A reader that does not read makes the stream slower, not the buffer longer.
    if (!response.writableNeedDrain) response.write(piece);
  }, TICK_MS);
  response.on('close', () => clearInterval(timer));
}

function listening(
  start: (done: () => void) => { on(event: 'error', fail: (error: Error) => void): unknown },
) {
  return new Promise<void>((resolve, reject) => start(resolve).on('error', reject));
}

async function serve(address: string) {
  if (serving.has(address)) return;
  if (serving.size >= MAX_ADDRESSES) throw new Error(`more than ${MAX_ADDRESSES} addresses`);
  serving.add(address);
  const echo: Socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4', (message, peer) => {
    echo.send(message, peer.port, peer.address);
  });
  await Promise.all([
    listening((done) => createServer(site).listen({ host: address, port: HTTP }, done)),
    listening((done) =>
      createTcpServer((socket) => {
        socket.on('error', () => socket.destroy());
        socket.pipe(socket);
      }).listen({ host: address, port: ECHO }, done),
    ),
    listening((done) => echo.bind({ address, port: ECHO }, done)),
  ]);
}

const control: RequestListener = async (request, response) => {
  try {
    if (request.method === 'PUT' && request.url === '/addresses') {
      const addresses: unknown = JSON.parse(await text(request));
      if (!Array.isArray(addresses)) throw new Error('want a list of addresses');
      await Promise.all(addresses.map((address) => serve(String(address))));
    }
    response.end(JSON.stringify([...serving]));
  } catch (error) {
    response.writeHead(500).end(String(error));
  }
};

const socketPath = process.argv[2];
if (!socketPath) throw new Error('usage: servers.ts CONTROL_SOCKET');
createServer(control).listen(socketPath);
