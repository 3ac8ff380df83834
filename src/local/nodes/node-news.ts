import type { Clock } from '../../clock.ts';
import type { NodeId } from '../../policy/block-set.ts';

/** Why a node is gone: nothing was seen of it for long, there was no room, or it turned out to be a router. */
export type GoneWhy = 'age' | 'room' | 'router';

/** What became of a node. `new` is told of devices only, and of each only once. */
export type NodeEvent =
  | { readonly kind: 'new'; readonly node: NodeId; readonly device: true }
  | { readonly kind: 'gone'; readonly node: NodeId; readonly device: boolean; readonly why: GoneWhy }
  | {
      readonly kind: 'merged' | 'split';
      readonly node: NodeId;
      readonly device: boolean;
      readonly with: NodeId;
    };

/** An event with its running number, which begins at 1 with each start of the agent. */
export type NodeNotice = NodeEvent & {
  readonly number: number;
  /** Wall time, Unix milliseconds, for people. */
  readonly at: number;
};

/** So many notices are kept of devices, and as many of remotes, of which far more come and go. */
const KEPT = 256;

/**
 * The newest of what became of nodes. Nobody is called: whoever wants to know remembers the number that was read last and
 * asks what came since.
 */
export class NodeNews {
  readonly #clock: Clock;
  readonly #devices: NodeNotice[] = [];
  readonly #remotes: NodeNotice[] = [];
  /** New devices that are told later; undefined: at once. */
  #held: NodeEvent[] | undefined;
  #last = 0;
  /** The greatest number that is no longer kept. */
  #lost = 0;
  #dropped = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The number of the newest notice; 0 before the first. */
  get last(): number {
    return this.#last;
  }

  /** Notices that made room for newer ones. */
  get dropped(): number {
    return this.#dropped;
  }

  /** From now on new devices wait for `release()`: they are told once they cannot be forgotten any more. */
  hold(): void {
    this.#held ??= [];
  }

  /** Tells what has waited; of each `again` says whether it need not be told after all. */
  release(again: (id: NodeId) => boolean = () => false): void {
    if (this.#held === undefined) return;
    const waited = this.#held;
    this.#held = [];
    for (const event of waited) if (!again(event.node)) this.#tell(event);
  }

  add(event: NodeEvent): void {
    if (event.kind !== 'new' || this.#held === undefined) {
      this.#tell(event);
      return;
    }
    this.#held.push(event);
    if (this.#held.length <= KEPT) return;
    this.#held.shift();
    this.#dropped += 1;
  }

  /** What came after the notice with that number, in order; `missed`: some of it is no longer kept. */
  since(number: number): { readonly notices: NodeNotice[]; readonly missed: boolean } {
    const notices = [...this.#devices, ...this.#remotes].filter((notice) => notice.number > number);
    return { notices: notices.sort((x, y) => x.number - y.number), missed: this.#lost > number };
  }

  #tell(event: NodeEvent): void {
    this.#last += 1;
    const kept = event.device ? this.#devices : this.#remotes;
    kept.push({ ...event, number: this.#last, at: this.#clock.now() });
    if (kept.length <= KEPT) return;
    const oldest = kept.shift();
    this.#lost = Math.max(this.#lost, oldest?.number ?? 0);
    this.#dropped += 1;
  }
}
