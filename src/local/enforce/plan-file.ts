import { type Clock, Coalesce, type Timer } from '../../clock.ts';
import { DataError, messageOf } from '../../errors.ts';
import type { Log } from '../../log.ts';
import type { Planned } from './backend.ts';
import { changeOf } from './plan-change.ts';
import { ChangesFile, type WholePlan, writeWhole } from './plan-disk.ts';
import { encodePlan } from './plan-format.ts';
import { planOf } from './plan-text.ts';

/** A plan is written whole this long after the last change, and after the first one at most this long, milliseconds. */
const QUIET_MS = 100;
const MAX_WAIT_MS = 1_000;
/** Changes of addresses alone are written at most this often, to spare flash memory; so is what failed, tried again. */
const ADDRESSES_EVERY_MS = 60_000;
/** The answer to a change waits for the disk so long at most, and then no more until the disk has answered, milliseconds. */
const PATIENCE_MS = 250;
/** Of a disk that has not answered for so long people are told, milliseconds. */
const TOLD_MS = 5_000;
/** When the agent stops. */
const STOP_MS = 3_000;
/** Changes that come to more than this, and to more than a quarter of the plan, are written into the plan, bytes. */
const CHANGES_BYTES = 65_536;
const CHANGES_PART = 1 / 4;
/** So many times as much are never written before the plan itself is. */
const CHANGES_MOST = 16;

export interface PlanFileOptions {
  readonly path: string;
  readonly clock: Clock;
  readonly log: Log;
}

interface Wanted {
  readonly state: string;
  readonly planned: Planned;
}

interface Ready {
  readonly whole: WholePlan;
  readonly planned: Planned;
}

/**
 * Keeps the last applied plan on the disk: a checksummed file, and beside it one to which what changed since is added (docs/adr/0028).
 * A write that fails is logged, counted, told and tried again: enforcement does not depend on it.
 */
export class PlanFile {
  readonly #options: PlanFileOptions;
  /** What is to be on the disk, and is not yet. */
  #wanted: Wanted | undefined;
  /** What is on the disk. */
  #kept: Wanted | undefined;
  #keptAt = Number.NEGATIVE_INFINITY;
  #changes: ChangesFile | undefined;
  /** All of it is being written, or has been and is to take the place of what is there. */
  #writing: Promise<void> | undefined;
  #ready: Ready | undefined;
  #working: Promise<void> | undefined;
  #timer: Timer | undefined;
  readonly #soon: Coalesce;
  #waiting: (() => void)[] = [];
  #slowSince: number | undefined;
  #failures = 0;
  #problem: string | undefined;

  constructor(options: PlanFileOptions) {
    this.#options = options;
    const { clock } = options;
    this.#soon = new Coalesce(() => this.#begin(), { clock, quietMs: QUIET_MS, maxMs: MAX_WAIT_MS });
  }

  /** Writes that failed. */
  get failures(): number {
    return this.#failures;
  }

  /** Why what is blocked now might not be after a power cut; undefined when nothing is wrong. */
  get problem(): string | undefined {
    const slow = this.#slowSince !== undefined && this.#options.clock.monotonic() - this.#slowSince > TOLD_MS;
    return this.#problem ?? (slow ? 'the disk does not answer' : undefined);
  }

  /**
   * A change was acknowledged. One of the policy (another state) is written at once, one of addresses (the same state) at
   * most once a minute. Resolves when it is on the disk, or could not be written, or that takes too long; undefined
   * where nobody has to wait.
   */
  keep(state: string, planned: Planned | undefined): Promise<void> | undefined {
    if (planned === undefined) return undefined;
    this.#wanted = { state, planned };
    const { clock } = this.#options;
    const due = state === this.#kept?.state ? this.#keptAt + ADDRESSES_EVERY_MS - clock.monotonic() : 0;
    if (due > 0) {
      this.#later(due);
      return this.pending();
    }
    this.#work();
    return this.#patience();
  }

  /** What {@link keep} gave, if that is not over yet. */
  pending(): Promise<void> | undefined {
    return this.#waiting.length === 0 ? undefined : this.#patience();
  }

  /** Writes what waits, and all of it into the plan file, where a former version of this program finds it too. */
  async flush(): Promise<void> {
    const end = Promise.withResolvers<void>();
    const timer = this.#options.clock.after(STOP_MS, end.resolve);
    await Promise.race([this.#flush(), end.promise]);
    timer.clear();
  }

  async #flush(): Promise<void> {
    this.#soon.cancel();
    this.#work();
    await this.#idle();
    if ((this.#changes?.count ?? 0) > 0) this.#begin();
    await this.#idle();
    this.#soon.cancel();
    this.#timer?.clear();
    this.#timer = undefined;
    const changes = this.#changes;
    this.#changes = undefined;
    await changes?.close();
  }

  async #idle(): Promise<void> {
    while (this.#working !== undefined || this.#writing !== undefined)
      await Promise.all([this.#working, this.#writing]);
  }

  #patience(): Promise<void> | undefined {
    if (this.#slowSince !== undefined) return undefined;
    const { clock } = this.#options;
    return new Promise((resolve) => {
      const timer = clock.after(PATIENCE_MS, () => {
        this.#slowSince = clock.monotonic();
        this.#release(this.#waiting.splice(0));
      });
      this.#waiting.push(() => {
        timer.clear();
        resolve();
      });
    });
  }

  #release(waiting: readonly (() => void)[]): void {
    for (const done of waiting) done();
  }

  #later(ms: number): void {
    this.#timer ??= this.#options.clock.after(ms, () => {
      this.#timer = undefined;
      this.#work();
    });
  }

  #work(): void {
    this.#working ??= this.#run();
  }

  /** One write at a time, each of what is newest then. */
  async #run(): Promise<void> {
    // Whoever gave what is to be written is to wait for it first.
    await Promise.resolve();
    let goesOn = true;
    while (goesOn && (this.#ready !== undefined || this.#wanted !== undefined)) {
      const [waiting, wanted] = [this.#waiting, this.#wanted];
      this.#waiting = [];
      this.#wanted = undefined;
      try {
        if (this.#ready !== undefined) await this.#exchange(this.#ready, wanted);
        else if (wanted !== undefined) goesOn = await this.#add(wanted);
        if (goesOn) {
          this.#slowSince = undefined;
          this.#problem = undefined;
          this.#release(waiting);
        } else {
          // All of it has to be written first, beside other work.
          this.#wanted ??= wanted;
          this.#waiting.unshift(...waiting);
          this.#begin();
          goesOn = this.#ready !== undefined;
        }
      } catch (error) {
        this.#wanted ??= wanted;
        this.#failed(error);
        this.#release(waiting);
        goesOn = false;
      }
    }
    // In the very turn in which nothing is left to do: whatever comes later begins it again.
    this.#working = undefined;
  }

  /** Adds what is different now to the changes. False if that is too much, or there is nothing that it could be added to. */
  async #add(wanted: Wanted): Promise<boolean> {
    const [kept, changes] = [this.#kept, this.#changes];
    if (kept === undefined || changes === undefined) return false;
    const change = changeOf(kept.planned, wanted.planned);
    const { size } = changes;
    const most = Math.max(CHANGES_BYTES, size.plan * CHANGES_PART);
    if (change === undefined || size.changes > most * CHANGES_MOST) return false;
    if (Object.keys(change).length > 0) {
      const [there] = await Promise.all([changes.isThere(), changes.add(change)]);
      if (!there) return false;
    }
    this.#keep(wanted);
    if (changes.size.changes > most) this.#soon.notify();
    return true;
  }

  /** Puts the plan that was written whole in the place of the one before, with what changed meanwhile. */
  async #exchange({ whole, planned }: Ready, wanted: Wanted | undefined): Promise<void> {
    const newest = wanted ?? this.#kept;
    const change = newest && changeOf(planned, newest.planned);
    try {
      // Only another backend's plan has nothing in common with it.
      if (newest === undefined || change === undefined) throw new DataError('the plan is of another backend');
      const before = this.#changes;
      this.#changes = await ChangesFile.begin(whole, Object.keys(change).length > 0 ? change : undefined);
      this.#soon.cancel();
      this.#keep(newest);
      await before?.close();
    } finally {
      // Not before: until then no other may be written where it lies.
      this.#ready = undefined;
    }
  }

  #keep(wanted: Wanted): void {
    this.#kept = wanted;
    this.#keptAt = this.#options.clock.monotonic();
  }

  /** All of it is written beside the plan that is there, which takes long; changes go on to be added to that one. */
  #begin(): void {
    const newest = this.#wanted ?? this.#kept;
    if (this.#writing !== undefined || this.#ready !== undefined || newest === undefined) return;
    this.#soon.cancel();
    const { path } = this.#options;
    const { planned } = newest;
    this.#writing = writeWhole(path, encodePlan(planOf(planned))).then(
      (whole) => {
        this.#ready = { whole, planned };
        this.#writing = undefined;
        this.#work();
      },
      (error: unknown) => {
        this.#writing = undefined;
        this.#failed(error);
        this.#release(this.#waiting.splice(0));
      },
    );
  }

  #failed(error: unknown): void {
    this.#failures += 1;
    this.#slowSince = undefined;
    this.#problem = messageOf(error);
    this.#later(ADDRESSES_EVERY_MS);
    this.#options.log.warn({ error: this.#problem }, 'the plan for the next boot could not be written');
  }
}
