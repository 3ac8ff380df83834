import { readFileSync, statSync } from 'node:fs';
import type { Socket } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import type { Clock } from '../clock.ts';
import { messageOf } from '../errors.ts';
import type { Connection } from './listeners.ts';

/** Paths of a certificate and its key, PEM. */
export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

/** How long a client may take to shake hands, milliseconds. */
const HANDSHAKE_MS = 10_000;
/** A certificate is renewed every few months: whoever comes has it looked at so often at most, milliseconds. */
const LOOK_MS = 60_000;

/** Shakes hands on sockets that were accepted elsewhere, where they are counted with what TLS adds. */
export class Secured {
  /** Why a new certificate is not used, in words. */
  problem: string | undefined;
  readonly #files: CertificateFiles;
  readonly #clock: Clock;
  readonly #server: Server;
  readonly #waiting = new Map<string, Connection>();
  #changed: string;
  #lookAt: number;

  /** Throws when the files cannot be used. @param pass given what is ready to be talked to. */
  constructor(
    files: CertificateFiles,
    clock: Clock,
    pass: (socket: TLSSocket, connection: Connection) => void,
  ) {
    this.#files = files;
    this.#clock = clock;
    this.#changed = changedAt(files);
    this.#lookAt = clock.monotonic() + LOOK_MS;
    this.#server = createServer({ ...read(files), handshakeTimeout: HANDSHAKE_MS });
    // A handshake that fails or takes too long leaves its socket open.
    this.#server.on('tlsClientError', (_, socket) => socket.destroy());
    this.#server.on('secureConnection', (socket) => {
      socket.on('error', () => socket.destroy());
      const connection = this.#waiting.get(keyOf(socket));
      if (connection === undefined) socket.destroy();
      else pass(socket, connection);
    });
  }

  shake(socket: Socket, connection: Connection): void {
    if (this.#clock.monotonic() >= this.#lookAt) this.#renew();
    const key = keyOf(socket);
    this.#waiting.set(key, connection);
    socket.once('close', () => this.#waiting.delete(key));
    this.#server.emit('connection', socket);
  }

  /** Takes a certificate that is new; keeps the old one when that cannot be used. */
  #renew(): void {
    this.#lookAt = this.#clock.monotonic() + LOOK_MS;
    try {
      const changed = changedAt(this.#files);
      if (changed === this.#changed) return;
      this.#server.setSecureContext(read(this.#files));
      this.#changed = changed;
      this.problem = undefined;
    } catch (error) {
      this.problem = `the certificate ${this.#files.cert} cannot be used: ${messageOf(error)}`;
    }
  }
}

function read({ cert, key }: CertificateFiles): { cert: Buffer; key: Buffer } {
  return { cert: readFileSync(cert), key: readFileSync(key) };
}

function changedAt({ cert, key }: CertificateFiles): string {
  return `${statSync(cert).mtimeMs} ${statSync(key).mtimeMs}`;
}

/** The same for a socket and for the one that TLS makes of it. */
function keyOf({ remoteAddress, remotePort, localAddress }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress}`;
}
