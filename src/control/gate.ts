import { createServer, type Server, type Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Clock, Timer } from '../clock.ts';
import { messageOf } from '../errors.ts';
import type { Connection } from './listeners.ts';
import { type CertificateFiles, Secured } from './secured.ts';
import { clearWay, restrict } from './unix-socket.ts';

/** A connection that is ready to be talked to: after the handshake, if there is one. */
export interface Accepted {
  readonly socket: Socket | TLSSocket;
  readonly connection: Connection;
}

export interface GateOptions {
  readonly address: string;
  readonly tls: CertificateFiles | undefined;
  readonly groupId: number | undefined;
  readonly clock: Clock;
  readonly refuses: () => string | undefined;
  /** Undefined turns it away. */
  readonly admit: (gate: Gate, socket: Socket) => Connection | undefined;
  readonly pass: (gate: Gate, accepted: Accepted) => void;
  readonly onOpen: (gate: Gate) => void;
  readonly onClose: (gate: Gate) => void;
}

/** The pause before an address is tried again, at first and at most, milliseconds. */
const RETRY_MS = 5_000;
const MAX_RETRY_MS = 60_000;

/** One address of a doorway: opened, and opened again after a while as long as that fails or it may not be. */
export class Gate {
  readonly isUnix: boolean;
  readonly isSecure: boolean;
  /** Where it listens; until then where it should. */
  address: string;
  readonly #options: GateOptions;
  readonly #stop = new AbortController();
  #server: Server | undefined;
  #secured: Secured | undefined;
  #problem: string | undefined;
  #timer: Timer | undefined;
  #pauseMs = RETRY_MS;

  constructor(options: GateOptions) {
    this.#options = options;
    this.address = options.address;
    this.isUnix = options.address.startsWith('/');
    this.isSecure = options.tls !== undefined && !this.isUnix;
  }

  get isOpen(): boolean {
    return this.#server !== undefined;
  }

  /** Why it is not open, or what is wrong with its certificate, in words. */
  get problem(): string | undefined {
    return this.#problem ?? this.#secured?.problem;
  }

  /** Tries now, and again later if need be. Never rejects. */
  async open(signal: AbortSignal): Promise<void> {
    const running = AbortSignal.any([signal, this.#stop.signal]);
    if (running.aborted) return;
    const refusal = this.#options.refuses();
    if (refusal !== undefined) {
      this.#later(signal, refusal, RETRY_MS);
      return;
    }
    try {
      const server = await this.#listen(running);
      if (running.aborted) {
        server.close();
        return;
      }
      this.#opened(server, signal);
    } catch (error) {
      if (running.aborted) return;
      this.#later(
        signal,
        `${this.#options.address} cannot be listened on: ${messageOf(error)}`,
        this.#pauseMs,
      );
      this.#pauseMs = Math.min(MAX_RETRY_MS, this.#pauseMs * 2);
    }
  }

  /** Accepts no more. Resolves when all its connections are closed. */
  async close(): Promise<void> {
    this.#stop.abort();
    this.#timer?.clear();
    await this.#shut();
  }

  #opened(server: Server, signal: AbortSignal): void {
    this.#server = server;
    this.#pauseMs = RETRY_MS;
    this.#problem = undefined;
    const at = server.address();
    if (at !== null && typeof at === 'object') this.address = hostPort(at.address, at.port);
    server.on('error', (error) => this.#lost(signal, messageOf(error)));
    this.#options.onOpen(this);
  }

  /** It listened and should not any more. */
  #lost(signal: AbortSignal, why: string): void {
    if (this.#server === undefined || this.#stop.signal.aborted) return;
    void this.#shut();
    this.#later(signal, why, RETRY_MS);
  }

  async #shut(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    this.#options.onClose(this);
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  #later(signal: AbortSignal, problem: string, ms: number): void {
    this.#problem = problem;
    this.#timer?.clear();
    this.#timer = this.#options.clock.after(ms, () => void this.open(signal));
  }

  async #listen(running: AbortSignal): Promise<Server> {
    const { address, tls, groupId, clock } = this.#options;
    const secured =
      tls === undefined || this.isUnix
        ? undefined
        : new Secured(tls, clock, (socket, connection) => this.#options.pass(this, { socket, connection }));
    this.#secured = secured;
    if (this.isUnix) await clearWay(address, running);
    const server = createServer({ noDelay: true }, (socket) => this.#accept(socket, secured, running));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.isUnix ? { path: address } : splitHostPort(address), () => {
        server.off('error', reject);
        resolve();
      });
    });
    if (this.isUnix) restrict(address, groupId);
    return server;
  }

  #accept(socket: Socket, secured: Secured | undefined, signal: AbortSignal): void {
    socket.on('error', () => socket.destroy());
    const refusal = this.#options.refuses();
    const connection = refusal === undefined ? this.#options.admit(this, socket) : undefined;
    if (refusal !== undefined) this.#lost(signal, refusal);
    if (connection === undefined) {
      socket.destroy();
      return;
    }
    if (secured === undefined) this.#options.pass(this, { socket, connection });
    else {
      connection.state = 'handshake';
      secured.shake(socket, connection);
    }
  }
}

/** `192.0.2.1:80`, `[2001:db8::1]:80`. */
export function hostPort(host: string, port: number): string {
  const plain = host.replace(/^::ffff:(?=\d+\.)/, '');
  return plain.includes(':') ? `[${plain}]:${port}` : `${plain}:${port}`;
}

function splitHostPort(text: string): { readonly host: string; readonly port: number } {
  const colon = text.lastIndexOf(':');
  return { host: text.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(text.slice(colon + 1)) };
}
