import type { Message } from '../link.ts';

/** How SPIN puts the values of a counter together. */
const TYPE = { total: 0, max: 1 } as const;

/** One of SPIN's counters: the sum or the greatest of its values, and how many there were. */
class Counter {
  readonly #topic: string;
  readonly #head: object;
  readonly #type: keyof typeof TYPE;
  #value = 0;
  #count = 0;
  #told = 0;

  constructor(module: string, name: string, type: keyof typeof TYPE) {
    this.#topic = `SPIN/stat/${module}/${name}`;
    this.#head = { module, name, type: TYPE[type] };
    this.#type = type;
  }

  add(value: number): void {
    this.#value = this.#type === 'total' ? this.#value + value : Math.max(this.#value, value);
    this.#count += 1;
  }

  /** What is to be said of it; nothing when nothing was added since. */
  take(): Message[] {
    if (this.#count === this.#told) return [];
    this.#told = this.#count;
    const payload = JSON.stringify({ ...this.#head, value: this.#value, count: this.#count });
    return [{ topic: this.#topic, payload }];
  }
}

/** SPIN's counters of what exists here too; 64-bit numbers, as far as JSON has them. */
export class SpinCounters {
  /** Bytes that were published. */
  readonly published = new Counter('pubsub', 'chan-publish', 'total');
  readonly nodesChanged = new Counter('node_cache', 'node-modified', 'total');
  readonly nodes = new Counter('node_cache', 'nodes', 'max');
  readonly flows = new Counter('spindata', 'spindata-flowlist', 'total');
  /** What was left out because there was no room. */
  readonly missed = new Counter('hedgerow', 'missed', 'total');

  take(): Message[] {
    return [this.published, this.nodesChanged, this.nodes, this.flows, this.missed].flatMap((counter) =>
      counter.take(),
    );
  }
}
