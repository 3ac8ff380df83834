import { type Clock, Coalesce, type Timer } from '../clock.ts';

export interface NoticesOptions {
  readonly clock: Clock;
  /** Bring the kernel to the newest block set. */
  readonly enforce: () => void;
  /** Bring our registers, and what else follows from policy and registers, to what is known. */
  readonly publish: () => void;
  /** There will be no more news. */
  readonly stop: () => void;
}

/** So long a batch of foreign ops may hold back the kernel, milliseconds: a peer that drips must not. */
const MAX_HOLD_MS = 2_000;

/**
 * How news travels. What changes the policy, or an address that the policy is about, reaches the kernel at once and the
 * registers a moment later; anything else that was seen reaches the kernel within a second.
 */
export class Notices {
  readonly #options: NoticesOptions;
  readonly #publish: Coalesce;
  readonly #follow: Coalesce;
  #batches = 0;
  #hold: Timer | undefined;
  #released = false;

  constructor(options: NoticesOptions) {
    this.#options = options;
    const { clock } = options;
    this.#publish = new Coalesce(options.publish, { clock, quietMs: 20, maxMs: 200 });
    this.#follow = new Coalesce(options.enforce, { clock, quietMs: 200, maxMs: 1_000 });
  }

  /** The policy, a register, or an address of a persistent node changed. */
  changed(): void {
    if (this.#hold === undefined) this.#options.enforce();
    this.#publish.notify();
  }

  /** Something else was seen. */
  seen(): void {
    this.#follow.notify();
  }

  /**
   * A sync brings ops. The first of this agent's life is admitted whole before anything is decided, or a router that
   * was away would act on what was lifted meanwhile; within {@link MAX_HOLD_MS}. Later ones hold nothing back.
   */
  batch(edge: 'begin' | 'end'): void {
    if (this.#released) return;
    this.#batches += edge === 'begin' ? 1 : -1;
    if (edge === 'begin' && this.#batches === 1) {
      this.#hold = this.#options.clock.after(MAX_HOLD_MS, () => this.#release());
    } else if (this.#batches === 0) this.#release();
  }

  /** Drops what is waiting. */
  stop(): void {
    this.#hold?.clear();
    this.#publish.cancel();
    this.#follow.cancel();
    this.#options.stop();
  }

  #release(): void {
    this.#released = true;
    this.#hold?.clear();
    this.#hold = undefined;
    this.#options.enforce();
  }
}
