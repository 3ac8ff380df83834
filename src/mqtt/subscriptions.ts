import type { Arrived } from './link.ts';
import { covers } from './topic-filter.ts';

type OnMessage = (message: Arrived) => void;

/** Who wants which messages. One subscription at the broker for each filter, with a number of its own (MQTT 5, 3.8.2.1.2). */
export class Subscriptions {
  readonly #byFilter = new Map<
    string,
    { readonly id: number; readonly wanted: Set<{ readonly run: OnMessage }> }
  >();
  readonly #onFailure: (error: unknown) => void;
  #lastId = 0;

  /** @param onFailure somebody has thrown at a message; the others get it all the same */
  constructor(onFailure: (error: unknown) => void) {
    this.#onFailure = onFailure;
  }

  filters(): readonly string[] {
    return [...this.#byFilter.keys()];
  }

  idOf(filter: string): number | undefined {
    return this.#byFilter.get(filter)?.id;
  }

  /** @returns what undoes it, and answers whether nobody wants this filter any more */
  add(filter: string, run: OnMessage): () => boolean {
    const known = this.#byFilter.get(filter);
    const entry = known ?? { id: ++this.#lastId, wanted: new Set() };
    const one = { run };
    entry.wanted.add(one);
    if (known === undefined) this.#byFilter.set(filter, entry);
    return () => {
      const was = entry.wanted.delete(one);
      if (!was || entry.wanted.size > 0) return false;
      this.#byFilter.delete(filter);
      return true;
    };
  }

  /** @param ids of the subscriptions that it came for, where the broker tells; otherwise the filters are asked */
  deliver(message: Arrived, ids: number | readonly number[] | undefined): void {
    const listed = typeof ids === 'number' ? [ids] : ids;
    for (const [filter, { id, wanted }] of [...this.#byFilter]) {
      if (listed === undefined ? !covers(filter, message.topic) : !listed.includes(id)) continue;
      for (const { run } of [...wanted]) {
        try {
          run(message);
        } catch (error) {
          this.#onFailure(error);
        }
      }
    }
  }
}
