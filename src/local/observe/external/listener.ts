import { createServer, type Server, type Socket } from 'node:net';
import { type Clock, repeat } from '../../../clock.ts';
import { messageOf, UnavailableError } from '../../../errors.ts';
import type { Service } from '../../../service.ts';
import { MessageFramer } from './framer.ts';

const HOST = '127.0.0.1';
const MAX_CLIENTS = 8;
/** A client that says nothing for so long is let go; one that leaves a message half-said, sooner. */
const IDLE_MS = 15 * 60_000;
const HALF_MS = 30_000;
/** How often clients are looked after, and an open port is asked for again, milliseconds. */
const ROUND_MS = 10_000;

interface Client {
  readonly framer: MessageFramer;
  /** When it said something last, monotonic. */
  at: number;
}

export interface ListenerOptions {
  clock: Clock;
  /** On loopback; 0 takes any that is free. */
  port: number;
  onMessage: (message: Uint8Array) => void;
}

/**
 * Takes messages over TCP on loopback, from several clients. A client that sends anything else is let go: what
 * comes after cannot be trusted to begin where it should.
 */
export class ExternalListener implements Service {
  readonly name = 'external port';
  readonly #options: ListenerOptions;
  readonly #clients = new Map<Socket, Client>();
  #server: Server | undefined;
  #stopper: AbortController | undefined;
  #rounds: Promise<void> | undefined;
  #lastError: string | undefined;
  readonly counters = { connections: 0, refused: 0, bytes: 0, malformed: 0, idle: 0 };

  constructor(options: ListenerOptions) {
    this.#options = options;
  }

  /** The port that is open; undefined while none is. */
  get port(): number | undefined {
    const address = this.#server?.address();
    return typeof address === 'object' ? address?.port : undefined;
  }

  get clients(): number {
    return this.#clients.size;
  }

  get lastError(): string | undefined {
    return this.#lastError;
  }

  /** A port that is taken is told by `lastError` and tried again: what else is observed does not depend on it. */
  async start(signal: AbortSignal): Promise<void> {
    this.#stopper = new AbortController();
    const any = AbortSignal.any([signal, this.#stopper.signal]);
    await this.#listen(any);
    this.#rounds = repeat((inner) => this.#round(inner), {
      clock: this.#options.clock,
      signal: any,
      everyMs: ROUND_MS,
    });
  }

  async stop(): Promise<void> {
    this.#stopper?.abort();
    for (const socket of this.#clients.keys()) socket.destroy();
    const server = this.#server;
    this.#server = undefined;
    if (server !== undefined) await new Promise<void>((resolve) => server.close(() => resolve()));
    await this.#rounds;
  }

  async #round(signal: AbortSignal): Promise<void> {
    if (this.#server === undefined) await this.#listen(signal);
    const now = this.#options.clock.monotonic();
    for (const [socket, { framer, at }] of this.#clients) {
      if (now - at < (framer.waiting > 0 ? HALF_MS : IDLE_MS)) continue;
      this.counters.idle += 1;
      socket.destroy();
    }
  }

  async #listen(signal: AbortSignal): Promise<void> {
    const server = createServer((socket) => this.#accept(socket));
    try {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.once('close', () => reject(new UnavailableError('stopped')));
        server.listen({ host: HOST, port: this.#options.port, signal }, resolve);
      });
      server.on('error', (error) => {
        this.#lastError = messageOf(error);
      });
      this.#server = server;
      this.#lastError = undefined;
    } catch (error) {
      signal.throwIfAborted();
      this.#lastError = `port ${this.#options.port} cannot be opened: ${messageOf(error)}`;
    }
  }

  #accept(socket: Socket): void {
    if (this.#clients.size >= MAX_CLIENTS) {
      this.counters.refused += 1;
      socket.destroy();
      return;
    }
    this.counters.connections += 1;
    const { clock, onMessage } = this.#options;
    const client: Client = { framer: new MessageFramer(onMessage), at: clock.monotonic() };
    this.#clients.set(socket, client);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#clients.delete(socket));
    socket.on('data', (chunk) => {
      this.counters.bytes += chunk.length;
      client.at = clock.monotonic();
      client.framer.push(chunk);
      if (client.framer.skipped === 0) return;
      this.counters.malformed += 1;
      socket.destroy();
    });
  }
}
