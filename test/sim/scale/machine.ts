import type { Clock, Timer } from '../../../src/clock.ts';
import type { Timeline } from './timeline.ts';

/**
 * Runs: all is well. Stopped: the process does nothing (SIGSTOP), its kernel goes on. Asleep: the machine is suspended, and its
 * monotonic clock stands still. Gone: the process was killed, the kernel refuses what comes for it.
 */
export type MachineState = 'runs' | 'stopped' | 'asleep' | 'gone';

/** What a process sees of time on a machine that may be stopped or suspended. What is due meanwhile is done afterwards. */
export class Machine implements Clock {
  readonly #timeline: Timeline;
  #state: MachineState = 'runs';
  #held: (() => void)[] = [];
  #asleepSince = 0;
  #asleep = 0;

  constructor(timeline: Timeline) {
    this.#timeline = timeline;
  }

  get state(): MachineState {
    return this.#state;
  }

  /** Resuming lets everything happen that was held back, in order. */
  become(state: MachineState): void {
    const now = this.#timeline.monotonic();
    if (this.#state === 'asleep') this.#asleep += now - this.#asleepSince;
    if (state === 'asleep') this.#asleepSince = now;
    this.#state = state;
    if (state === 'gone') this.#held = [];
    while (this.#state === 'runs' && this.#held.length > 0) this.#held.shift()?.();
  }

  /** Now, or when the process goes on; never when it is gone. */
  do(work: () => void): void {
    if (this.#state === 'runs') work();
    else if (this.#state !== 'gone') this.#held.push(work);
  }

  now(): number {
    return this.#timeline.now();
  }

  /** CLOCK_MONOTONIC: without what the machine slept. */
  monotonic(): number {
    return this.boot() - this.#asleep - (this.#state === 'asleep' ? this.boot() - this.#asleepSince : 0);
  }

  /** CLOCK_BOOTTIME. */
  boot(): number {
    return this.#timeline.monotonic();
  }

  after(ms: number, run: () => void): Timer {
    return this.#timeline.after(ms, () => this.do(run));
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return this.#timeline.sleep(ms, signal);
  }
}
