import type { Duplex } from 'node:stream';
import type { FastifyRequest } from 'fastify';
import type { At } from '../doorway.ts';
import type { Connection } from '../listeners.ts';

/** A connection that is open, and what is told of it. */
export interface Arrival {
  readonly connection: Connection;
  readonly at: At;
}

/** The connections that are open, and what is known of those that were. */
export class Arrivals {
  readonly #open = new Set<Duplex>();
  /** Also of those that have closed: a request may be looked at after its client has gone. */
  readonly #known = new WeakMap<Duplex, Arrival>();

  add(socket: Duplex, arrival: Arrival): void {
    this.#open.add(socket);
    this.#known.set(socket, arrival);
    socket.once('close', () => this.#open.delete(socket));
  }

  of(request: FastifyRequest): Arrival {
    const arrival = this.#known.get(request.raw.socket);
    // Nothing arrives here but what the doorway handed over.
    if (arrival === undefined) throw new Error('a request on a connection that nobody handed over');
    return arrival;
  }

  get size(): number {
    return this.#open.size;
  }

  /** Closes all of them, or only those that wait for nothing. */
  destroy(which: 'idle' | 'all'): void {
    for (const socket of this.#open) {
      if (which === 'all' || this.#known.get(socket)?.connection.state === 'idle') socket.destroy();
    }
  }
}
