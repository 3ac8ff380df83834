import { type Clock, repeat, type Timer } from '../../clock.ts';
import { messageOf } from '../../errors.ts';
import type { Log } from '../../log.ts';
import { type BlockSet, emptyBlockSet, type Owner } from '../../policy/block-set.ts';
import type { Service } from '../../service.ts';
import type { Backend, Counter } from './backend.ts';
import { bounded } from './bounded.ts';
import { DriftRecord } from './drift-record.ts';
import type { DriftWatch } from './drift-watch.ts';
import type { EnforcerHealth, UnderWay } from './enforcer-health.ts';
import type { Halted } from './halts.ts';
import type { PlanFile } from './plan-file.ts';
import { type AreRulesAtWork, Standing } from './standing.ts';

/** What should be in force, and the name of the policy's state that it was decided from (its digest). */
export interface Desired {
  readonly state: string;
  readonly blockSet: BlockSet;
  /** What the plan for the next boot holds instead, which may be without an agent. Default: the same. */
  readonly atBoot?: BlockSet | undefined;
}

export interface EnforcerOptions {
  readonly backend: Backend;
  /** Called right before each run: always the newest snapshot. */
  readonly desired: () => Desired;
  /**
   * The kernel has acknowledged this state, at this moment (monotonic milliseconds), and the plan on the disk has it (or the disk has
   * failed or been slow).
   */
  readonly onApplied: (state: string, at: number) => void;
  readonly clock: Clock;
  readonly log: Log;
  /** Where the last applied plan is kept for `restore`; without it none is kept. */
  readonly planFile?: Pick<PlanFile, 'keep' | 'pending' | 'flush' | 'problem'>;
  /** Tells of changes by somebody else as they happen; without it they are found at the next check. */
  readonly watch?: DriftWatch;
  /** Whether a person has halted enforcement: then nothing of ours is in the kernel. Asked right before each run. */
  readonly halted?: () => Halted | undefined;
  /** Asked while nothing is acknowledged. */
  readonly areRulesAtWork?: AreRulesAtWork;
}

const CHECK_EVERY_MS = 10_000;
const CHECK_TIMEOUT_MS = 30_000;
/** A set of 200,000 entries takes 1 s; a busy small router may take many times that. */
const SET_TIMEOUT_MS = 60_000;
const RETRY_FIRST_MS = 500;
const RETRY_MAX_MS = 30_000;
/** The kernel's news of our own changes has come so long after them. */
const NEWS_MS = 500;
/** A run ends a check without an answer; after so many the next one on the timer has to do. */
const CHECKS_IN_A_ROW = 3;
const UNCHECKED = 'the kernel could not be checked';
/** One reason for all: an abort without one makes an error with a stack trace each time. */
const VOID = new Error('a change makes the reading void');

/**
 * Keeps the kernel at the newest desired block set. Level-triggered: a lost notice loses nothing, runs never overlap,
 * and a notice during a run means exactly one more. Nothing is enforced before the first `notify()`, so that what an
 * earlier run left in the kernel stays in force until the agent knows what it wants. Stopping leaves the rules in place.
 */
export class Enforcer implements Service {
  readonly name = 'enforcer';
  readonly #options: EnforcerOptions;
  #stopper: AbortController | undefined;
  #signal: AbortSignal | undefined;
  #checking: Promise<void> | undefined;
  #running: Promise<void> | undefined;
  #again = false;
  #retry: Timer | undefined;
  #reading: AbortController | undefined;
  #acknowledged = false;
  /** The kernel told of something while what it holds was in doubt: it is looked at once that is over. */
  #lookOwed = false;
  /** Halted, and nothing of ours is in the kernel any more. */
  #released = false;
  #blocks = false;
  readonly #standing: Standing;
  /** What the backend was asked for last, and what the kernel has acknowledged last. */
  #asked: BlockSet | undefined;
  #inForce = emptyBlockSet;
  #askedAt = 0;
  #failures = 0;
  #failuresInARow = 0;
  #lastError: string | undefined;
  readonly #drift: DriftRecord;
  #runsBegun = 0;
  #ranAt = Number.NEGATIVE_INFINITY;

  constructor(options: EnforcerOptions) {
    this.#options = options;
    this.#standing = new Standing(options.areRulesAtWork, options.clock);
    this.#drift = new DriftRecord(options.clock, options.log);
  }

  async start(signal: AbortSignal): Promise<void> {
    this.#stopper = new AbortController();
    this.#signal = AbortSignal.any([signal, this.#stopper.signal]);
    this.#standing.look(this.#signal);
    this.#checking = repeat(async (inner) => void (await this.#check(inner)), {
      clock: this.#options.clock,
      signal: this.#signal,
      everyMs: CHECK_EVERY_MS,
      onFailure: (error) => this.#failed(error, UNCHECKED),
    });
    this.#options.watch?.start(this.#signal, {
      look: (inner) => this.#lookNow(inner),
      changing: () => this.#running !== undefined || this.#options.clock.monotonic() - this.#ranAt < NEWS_MS,
    });
  }

  async stop(): Promise<void> {
    this.#stopper?.abort(new Error('the agent stops'));
    this.#retry?.clear();
    await Promise.all([this.#checking, this.#options.watch?.stop()]);
    await Promise.all([this.#running, this.#standing.settled()]);
    await this.#options.planFile?.flush();
    await this.#options.backend.stop();
  }

  /** Something changed: enforce the newest snapshot now, or once more when the run that is under way has ended. */
  notify(): void {
    if (this.#signal === undefined || this.#signal.aborted) return;
    this.#again = true;
    this.#reading?.abort(VOID);
    this.#running ??= this.#runs(this.#signal);
  }

  /** Resolves when no run is under way and none is to follow at once: {@link health} tells how it went. */
  async settled(): Promise<void> {
    await this.#running;
  }

  /** Compares with the kernel now and not at the next check: it may have been started anew. Never rejects. */
  async recheck(): Promise<void> {
    const signal = this.#signal;
    if (signal === undefined || signal.aborted) return;
    this.notify();
    await this.#lookNow(signal);
  }

  /**
   * What was dropped for each entry of the block set in force; costs nothing while that blocks nothing. Undefined when it
   * cannot be told now: nothing is acknowledged yet, or a run is under way. A run never waits for a reading, it ends it.
   * Throws as the backend does.
   */
  async counters(signal: AbortSignal): Promise<readonly Counter[] | undefined> {
    if (!this.#acknowledged || this.#running !== undefined) return undefined;
    if (!this.#blocks) return [];
    const reading = new AbortController();
    this.#reading = reading;
    try {
      const any = AbortSignal.any([signal, reading.signal]);
      const found = await this.#bounded(CHECK_TIMEOUT_MS, any, (inner) =>
        this.#options.backend.counters(inner),
      );
      return reading.signal.aborted ? undefined : found;
    } catch (error) {
      if (reading.signal.aborted) return undefined;
      throw error;
    } finally {
      // Nothing is left to be ended; an abort of what is over would still cost each change one.
      if (this.#reading === reading) this.#reading = undefined;
    }
  }

  health(): EnforcerHealth {
    const enforcing = this.#isEnforcing();
    return {
      enforcing,
      standing: enforcing ? undefined : this.#standing.known,
      backend: this.#options.backend.describe().name,
      failures: this.#failures,
      lastError: this.#lastError,
      driftRepairs: this.#drift.repairs,
      lastDrift: this.#drift.last,
      noticing: this.#options.watch?.noticing,
      halted: this.#options.halted?.(),
      planProblem: this.#options.planFile?.problem,
    };
  }

  /** Undefined when all that was decided is acknowledged. */
  underWay(): UnderWay | undefined {
    if (this.#running === undefined || this.#asked === this.#inForce) return undefined;
    const ms = this.#options.clock.monotonic() - this.#askedAt;
    return { seconds: Math.round(ms / 1000), before: this.#inForce };
  }

  async #runs(signal: AbortSignal): Promise<void> {
    this.#retry?.clear();
    // After whatever is under way in this turn: an op goes to the disk while its block is decided.
    await Promise.resolve();
    while (this.#again && !signal.aborted) {
      this.#again = false;
      this.#runsBegun += 1;
      try {
        await this.#once(signal);
      } catch (error) {
        if (signal.aborted) break;
        this.#acknowledged = false;
        this.#failuresInARow += 1;
        this.#failed(error, 'enforcing failed');
        this.#standing.doubt(signal);
        const wait = Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** Math.min(this.#failuresInARow - 1, 10));
        this.#retry = this.#options.clock.after(wait, () => this.notify());
      }
    }
    this.#ranAt = this.#options.clock.monotonic();
    this.#running = undefined;
  }

  async #once(signal: AbortSignal): Promise<void> {
    const { backend, desired, onApplied, planFile, clock, log } = this.#options;
    const { state, blockSet, atBoot } = desired();
    if (this.#options.halted?.() !== undefined) {
      await this.#release(signal);
      onApplied(state, clock.monotonic());
      return;
    }
    this.#released = false;
    this.#asked = blockSet;
    this.#askedAt = clock.monotonic();
    const outcome = await this.#bounded(SET_TIMEOUT_MS, signal, (inner) => backend.set(blockSet, inner));
    const at = clock.monotonic();
    this.#acknowledged = true;
    this.#inForce = blockSet;
    this.#blocks = blocksAnything(blockSet);
    const failedBefore = this.#failuresInARow > 0;
    this.#failuresInARow = 0;
    this.#lastError = undefined;
    this.#drift.repaired();
    log.debug({ ...outcome }, 'enforced');
    if (this.#lookOwed) void this.#lookNow(signal);
    // It is told once it outlasts a power cut too; the next change does not wait for that. A run that failed may have put a part in
    // force, of which this one has nothing to say any more.
    const isNews = outcome.did !== 'unchanged' || failedBefore;
    const kept = isNews ? planFile?.keep(state, backend.plan(atBoot)) : planFile?.pending();
    if (kept === undefined) onApplied(state, at);
    else void kept.then(() => onApplied(state, at));
  }

  /** The plan stays as it was: it is what goes on. */
  async #release(signal: AbortSignal): Promise<void> {
    if (!this.#released) {
      await this.#bounded(SET_TIMEOUT_MS, signal, (inner) => this.#options.backend.clear(inner));
    }
    this.#released = true;
    this.#standing.nothing();
    this.#acknowledged = false;
    this.#inForce = emptyBlockSet;
    this.#blocks = false;
    this.#drift.dropped();
    this.#failuresInARow = 0;
    this.#lastError = undefined;
  }

  /** True if it found what has to be put right. */
  async #check(signal: AbortSignal, thorough = false): Promise<boolean> {
    if (!this.#isEnforcing()) this.#standing.look(signal);
    if (!this.#acknowledged) return false;
    const { backend } = this.#options;
    const drift = await this.#bounded(CHECK_TIMEOUT_MS, signal, (inner) => backend.check(inner, thorough));
    const [first] = drift;
    if (first === undefined) {
      this.#lastError = undefined;
      return false;
    }
    this.#drift.found(first, drift.length);
    this.notify();
    return true;
  }

  /** A check that no run has made void: what the kernel tells is told once. Never rejects. */
  async #lookNow(signal: AbortSignal): Promise<void> {
    try {
      for (let n = 0; n < CHECKS_IN_A_ROW && !signal.aborted; n++) {
        await this.#running;
        this.#lookOwed = !this.#acknowledged;
        if (this.#lookOwed) return;
        const runs = this.#runsBegun;
        if ((await this.#check(signal, true)) || runs === this.#runsBegun) return;
      }
    } catch (error) {
      if (!signal.aborted) this.#failed(error, UNCHECKED);
    }
  }

  #isEnforcing(): boolean {
    return this.#acknowledged && this.#options.backend.name !== 'dry-run';
  }

  #bounded<T>(ms: number, signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return bounded({ clock: this.#options.clock, ms, signal }, work);
  }

  #failed(error: unknown, message: string): void {
    this.#failures += 1;
    this.#lastError = messageOf(error);
    this.#options.log.warn({ error: this.#lastError, failures: this.#failures }, message);
  }
}

/** Owners for which nothing is blocked are in a block set so that a block of theirs costs less. */
function blocksAnything({ owners, everyone, own }: BlockSet): boolean {
  const blocks = ({ remotes, networks, internet, lan }: Owner) =>
    remotes.size > 0 || networks.size > 0 || internet !== undefined || lan !== undefined;
  return everyone.size > 0 || owners.values().some(blocks) || (own !== undefined && blocks(own));
}
