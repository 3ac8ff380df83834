import { type Clock, Coalesce, type Timer } from '../clock.ts';

export interface NoticesOptions {
  readonly clock: Clock;
  /** Bring the kernel to the newest block set. */
  readonly enforce: () => void;
  /** Bring our registers, and what else follows from policy and registers, to what is known. */
  readonly publish: () => void;
  /** There will be no more news. */
  readonly stop: () => void;
  /** Nothing is known here although there is a home: its store was lost, or it has just joined. */
  readonly waitForHome: boolean;
  /** A long sync brings ops steadily: what waits for the others waits for its end. */
  readonly syncing: () => boolean;
}

/**
 * So long a router that knows nothing waits for the others before it believes that nothing is blocked, milliseconds.
 * What an earlier run left in its kernel stays in force meanwhile.
 */
const MAX_WAIT_MS = 60_000;

/** So long a batch of foreign ops may hold back the kernel, milliseconds: a peer that drips must not. */
const MAX_HOLD_MS = 2_000;

/** While a sync brings ops the kernel follows at most this often, milliseconds: one decision costs as much as many ops. */
const PACE_MS = 250;

/**
 * A register mostly comes right before the change that it is about, and a busy router takes them one after the other: so long it
 * waits for that, milliseconds, so that both are decided on once and the change is not kept waiting by the register.
 */
const TOLD_MS = 20;

/** Both are longer while a long sync goes on, looked at every second, but never longer than this, milliseconds. */
const MAX_SYNC_MS = 600_000;
const LOOK_MS = 1_000;

/**
 * How news travels. What changes the policy, or an address that the policy is about, reaches the kernel at once and the
 * registers a moment later; what others say of nodes within a tenth of a second, anything else that was seen within a second.
 */
export class Notices {
  readonly #options: NoticesOptions;
  readonly #publish: Coalesce;
  readonly #follow: Coalesce;
  readonly #described: Coalesce;
  #batches = 0;
  /** The kernel follows when this ends, or the last batch. */
  #pace: Timer | undefined;
  /** The kernel is left as it is until this. */
  #hold: Timer | undefined;
  /** No batch holds anything back any more. */
  #released = false;
  /** The others have told what they know, also of an earlier life of this router; or there is nobody to ask. */
  #told: boolean;
  #ignorance: Timer | undefined;

  constructor(options: NoticesOptions) {
    this.#options = options;
    const { clock, waitForHome } = options;
    this.#publish = new Coalesce(() => this.#say(), { clock, quietMs: 20, maxMs: 200 });
    this.#follow = new Coalesce(() => this.#enforce(), { clock, quietMs: 200, maxMs: 1_000 });
    this.#described = new Coalesce(() => this.changed(), { clock, quietMs: TOLD_MS, maxMs: 100 });
    this.#told = !waitForHome;
    if (!waitForHome) return;
    this.#ignorance = this.#patiently(MAX_WAIT_MS, () => this.#tell());
    this.#hold = this.#patiently(MAX_WAIT_MS, () => this.#release());
  }

  /** The kernel is left as it is for now. */
  get holding(): boolean {
    return this.#hold !== undefined;
  }

  /** The policy, or an address of a persistent node changed. */
  changed(): void {
    // Whoever decides takes in what others said too: mostly the register of what is blocked, right before the block.
    this.#described.cancel();
    this.#enforce();
    this.#publish.notify();
  }

  /** A register changed. Others say hundreds at once when they begin anew, and each decision costs as much as several. */
  described(): void {
    this.#described.notify();
  }

  /** A person changed the policy here: that bites at once, whatever is waited for. */
  decided(): void {
    if (this.holding) this.#release();
    else if (this.#pace !== undefined) this.#enforceNow();
  }

  /** Something else was seen. */
  seen(): void {
    this.#follow.notify();
  }

  /**
   * A sync brings ops. The first of this agent's life is admitted whole before anything is decided, or a router that
   * was away would act on what was lifted meanwhile; within {@link MAX_HOLD_MS}, or as long as it goes on steadily.
   * During later ones the kernel follows every {@link PACE_MS}, and at once when the last of them ends.
   */
  batch(edge: 'begin' | 'end'): void {
    this.#batches += edge === 'begin' ? 1 : -1;
    if (edge === 'begin' && !this.#released) {
      this.#hold ??= this.#patiently(MAX_HOLD_MS, () => this.#release());
    }
    if (edge === 'begin' || this.#batches > 0) return;
    if (!this.#told || !this.#released) this.#tell();
    else if (this.#pace !== undefined) this.#enforceNow();
  }

  /** Drops what is waiting. */
  stop(): void {
    this.#hold?.clear();
    this.#ignorance?.clear();
    this.#pace?.clear();
    this.#publish.cancel();
    this.#follow.cancel();
    this.#described.cancel();
    this.#options.stop();
  }

  /** Runs `then` after so many milliseconds, or when a long sync that goes on then has ended. */
  #patiently(ms: number, then: () => void): Timer {
    const { clock, syncing } = this.#options;
    const latest = clock.monotonic() + MAX_SYNC_MS;
    const due = (): void => {
      if (syncing() && clock.monotonic() < latest) timer = clock.after(LOOK_MS, due);
      else then();
    };
    let timer = clock.after(ms, due);
    return { clear: () => timer.clear() };
  }

  /** First what our registers of an earlier life tell, or addresses would be missing; then the kernel. */
  #tell(): void {
    this.#ignorance?.clear();
    this.#told = true;
    this.#say();
    this.#release();
  }

  #release(): void {
    this.#released = true;
    this.#hold?.clear();
    this.#hold = undefined;
    this.#enforceNow();
  }

  /** What was said before an earlier life is known could never be told from what that had said. */
  #say(): void {
    if (this.#told) this.#options.publish();
  }

  #enforce(): void {
    if (this.holding) return;
    if (this.#batches === 0) this.#enforceNow();
    else this.#pace ??= this.#options.clock.after(PACE_MS, () => this.#enforceNow());
  }

  #enforceNow(): void {
    this.#pace?.clear();
    this.#pace = undefined;
    // And all that was seen.
    this.#follow.cancel();
    this.#options.enforce();
  }
}
