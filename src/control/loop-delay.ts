import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Clock } from '../clock.ts';
import type { Service } from '../service.ts';

/** By how much the event loop was late, milliseconds. */
export interface LoopDelayFacts {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  /** The time that these are of, which ended now or less than a minute ago. */
  readonly overSeconds: number;
}

/** Node looks so often, milliseconds: ten times a second costs nothing that can be measured. */
const RESOLUTION_MS = 100;
/** A look begins anew after this time, and is not told before it has lasted that long. Milliseconds. */
const WINDOW_MS = 60_000;
const LEAST_MS = 10_000;

/** How late the event loop is: what everything in the agent waits for (node:perf_hooks). */
export class LoopDelay implements Service {
  readonly name = 'loop delay';
  readonly #clock: Clock;
  #histogram: ReturnType<typeof monitorEventLoopDelay> | undefined;
  #since = 0;
  #before: LoopDelayFacts | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async start(): Promise<void> {
    this.#since = this.#clock.monotonic();
    this.#histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
    this.#histogram.enable();
  }

  async stop(): Promise<void> {
    this.#histogram?.disable();
    this.#histogram = undefined;
  }

  /** Undefined while nothing was measured. */
  now(): LoopDelayFacts | undefined {
    const histogram = this.#histogram;
    if (histogram === undefined || histogram.count === 0) return this.#before;
    const overMs = this.#clock.monotonic() - this.#since;
    if (this.#before !== undefined && overMs < LEAST_MS) return this.#before;
    const facts = {
      p50: late(histogram.percentile(50)),
      p99: late(histogram.percentile(99)),
      max: late(histogram.max),
      overSeconds: Math.round(overMs / 1000),
    };
    if (overMs >= WINDOW_MS) {
      this.#before = facts;
      this.#since += overMs;
      histogram.reset();
    }
    return facts;
  }
}

/** It tells the time between two looks, in nanoseconds. */
function late(ns: number): number {
  return Math.max(0, Math.round((ns / 1e6 - RESOLUTION_MS) * 10) / 10);
}
