import type { Connection } from '@libp2p/interface';
import { memory } from '@libp2p/memory';
import type { TransportFactory } from '../../src/p2p/overlay.ts';

/** libp2p's memory transport with a pair of pliers: a router can be cut off from all others and healed. */
export class MemoryWire {
  readonly #cut = new Set<string>();
  readonly #connections = new Map<Connection, readonly string[]>();

  /** What a router's network is started with. */
  end(name: string): { readonly transport: TransportFactory; readonly listen: readonly string[] } {
    const transport: TransportFactory = (components) => {
      const inner = memory()(components);
      const dial = inner.dial.bind(inner);
      inner.dial = async (address, options) => {
        const ends = [name, address.toString().split('/')[2] ?? ''];
        if (ends.some((end) => this.#cut.has(end)) || this.#cut.has(pairOf(ends)))
          throw new Error('the wire is cut');
        const connection = await dial(address, options);
        this.#connections.set(connection, ends);
        connection.addEventListener('close', () => this.#connections.delete(connection));
        return connection;
      };
      return inner;
    };
    return { transport, listen: [`/memory/${name}`] };
  }

  cut(name: string): void {
    this.#cut.add(name);
    for (const [connection, ends] of this.#connections) {
      if (ends.includes(name)) connection.abort(new Error('the wire is cut'));
    }
  }

  heal(name: string): void {
    this.#cut.delete(name);
  }

  /** Cuts two routers off from each other, not from the rest. */
  cutBetween(one: string, other: string): void {
    this.#cut.add(pairOf([one, other]));
    for (const [connection, ends] of this.#connections) {
      if (ends.includes(one) && ends.includes(other)) connection.abort(new Error('the wire is cut'));
    }
  }

  healBetween(one: string, other: string): void {
    this.#cut.delete(pairOf([one, other]));
  }
}

function pairOf(ends: readonly string[]): string {
  return [...ends].sort().join('/');
}
