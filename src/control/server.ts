import { chmodSync, chownSync, lstatSync, mkdirSync, unlinkSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { JSONRPCErrorCode } from 'json-rpc-2.0';
import { messageOf, UnavailableError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Service } from '../service.ts';
import type { Method } from './offer.ts';
import { Rpc, refusal } from './rpc.ts';

/**
 * A request longer than this ends the connection (characters). The longest that there is, `home.join`, is far below; and
 * a line of brackets takes 60 times its length while it is read.
 */
const MAX_LINE = 256 * 1024;
const MAX_CONNECTIONS = 256;
const MAX_OPEN_REQUESTS = 64;
/** A client that has been told so often that it asks too much at a time is let go. */
const MAX_REFUSED_REQUESTS = 256;
/** A client is not read from while more than this waits to be read by it (bytes). */
const PAUSE_UNREAD = 256 * 1024;
/** A client that does not read its answers is let go beyond this (bytes). */
const MAX_UNREAD = 16 * 1024 * 1024;

export interface ServerOptions {
  readonly path: string;
  /** Numeric id of the group that may talk to the agent besides its user. */
  readonly groupId?: number | undefined;
  readonly methods: ReadonlyMap<string, Method>;
  readonly log: Log;
}

/** What the socket turned away, since the start. */
export interface ServerCounters {
  connections: number;
  refusedConnections: number;
  refusedRequests: number;
  tooLong: number;
  unread: number;
}

/** JSON-RPC 2.0 on a unix socket, one message a line. One slow, idle or hostile client holds nobody up. */
export class ControlServer implements Service {
  readonly name = 'control';
  readonly counters: ServerCounters = {
    connections: 0,
    refusedConnections: 0,
    refusedRequests: 0,
    tooLong: 0,
    unread: 0,
  };
  readonly #options: ServerOptions;
  readonly #rpc: Rpc;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;

  constructor(options: ServerOptions) {
    this.#options = options;
    this.#rpc = new Rpc(options.methods, options.log, 'unknown');
  }

  async start(signal: AbortSignal): Promise<void> {
    const { path, groupId } = this.#options;
    mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
    await clearStaleSocket(path, signal);
    const server = createServer((socket) => this.#accept(socket));
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', (cause) => {
        reject(
          new UnavailableError(`the control socket ${path} cannot be opened: ${messageOf(cause)}`, { cause }),
        );
      });
      server.listen(path, resolve);
    });
    chmodSync(path, 0o660);
    if (groupId !== undefined) chownSync(path, process.getuid?.() ?? 0, groupId);
  }

  async stop(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  #accept(socket: Socket): void {
    this.counters.connections += 1;
    if (this.#sockets.size >= MAX_CONNECTIONS) {
      this.counters.refusedConnections += 1;
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    let rest = '';
    let open = 0;
    let refused = 0;
    socket.setEncoding('utf8');
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('drain', () => socket.resume());
    socket.on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      if (rest.length > MAX_LINE || lines.some((line) => line.length > MAX_LINE)) {
        this.counters.tooLong += 1;
        this.#letGo(socket, `a line is longer than ${MAX_LINE} characters`);
        return;
      }
      for (const line of lines) {
        if (line.trim() === '') continue;
        if (open >= MAX_OPEN_REQUESTS) {
          this.counters.refusedRequests += 1;
          refused += 1;
          if (refused > MAX_REFUSED_REQUESTS) {
            this.#letGo(socket, 'far too many requests at a time');
            return;
          }
          this.#answer(socket, refusal(JSONRPCErrorCode.InvalidRequest, 'too many requests at a time'));
          continue;
        }
        open += 1;
        this.#rpc.receive(line).then(
          (answer) => {
            open -= 1;
            if (answer !== undefined) this.#answer(socket, answer);
          },
          (error: unknown) => {
            open -= 1;
            this.#options.log.error({ error: messageOf(error) }, 'a request could not be answered');
            socket.destroy();
          },
        );
      }
    });
  }

  /** Answers nothing more but why. */
  #letGo(socket: Socket, why: string): void {
    socket.removeAllListeners('data').resume();
    this.#answer(socket, refusal(JSONRPCErrorCode.InvalidRequest, why));
    socket.destroySoon();
  }

  #answer(socket: Socket, text: string): void {
    if (socket.destroyed || socket.writableEnded) return;
    socket.write(`${text}\n`);
    if (socket.writableLength > PAUSE_UNREAD) socket.pause();
    if (socket.writableLength > MAX_UNREAD) {
      this.counters.unread += 1;
      socket.destroy();
    }
  }
}

/** Removes a socket that nobody listens on any more. UnavailableError when an agent is there, or a file of another kind. */
async function clearStaleSocket(path: string, signal: AbortSignal): Promise<void> {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return;
  if (!stat.isSocket())
    throw new UnavailableError(`${path} exists and is not a socket`, { hint: 'move it away' });
  const answered = await new Promise<boolean>((resolve) => {
    const socket = connect({ path, signal: AbortSignal.any([signal, AbortSignal.timeout(1_000)]) });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
  if (answered) {
    throw new UnavailableError(`an agent is already running on ${path}`, {
      hint: 'hedgerow status shows it',
    });
  }
  unlinkSync(path);
}
