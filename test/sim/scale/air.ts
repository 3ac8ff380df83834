import type { Random } from '../random.ts';
import type { Timeline } from './timeline.ts';

export interface AirOptions {
  readonly timeline: Timeline;
  readonly random: Random;
  /** Share of packets that are lost, 0 to 1, each for itself. */
  readonly loss: number;
  /** One way, milliseconds, and how much more it may be, evenly drawn. */
  readonly delayMs?: number;
  readonly jitterMs?: number;
}

/** A LAN behind one or two switches. */
const DELAY_MS = 0.5;
const JITTER_MS = 0.3;

/** What is between the routers: every packet takes a while, is lost by chance, and where the path is cut. */
export class Air {
  readonly timeline: Timeline;
  loss: number;
  readonly #random: Random;
  readonly #delayMs: number;
  readonly #jitterMs: number;
  readonly #cuts = new Set<number>();
  readonly #off = new Set<number>();

  constructor(options: AirOptions) {
    this.timeline = options.timeline;
    this.loss = options.loss;
    this.#random = options.random;
    this.#delayMs = options.delayMs ?? DELAY_MS;
    this.#jitterMs = options.jitterMs ?? JITTER_MS;
  }

  /** There and back again without loss, milliseconds. */
  get roundTripMs(): number {
    return 2 * this.#delayMs + this.#jitterMs;
  }

  /** One packet. Whether it arrives is drawn when it is sent, as in a queue that drops. */
  carry(from: number, to: number, arrive: () => void): void {
    if (this.loss > 0 && this.#random.chance(this.loss)) return;
    if (!this.passes(from, to)) return;
    this.timeline.after(this.#delayMs + this.#random.next() * this.#jitterMs, () => {
      if (!this.#off.has(to)) arrive();
    });
  }

  /** Nothing passes in this direction any more; nobody is told. */
  cut(from: number, to: number): void {
    this.#cuts.add(pair(from, to));
  }

  heal(from: number, to: number): void {
    this.#cuts.delete(pair(from, to));
  }

  /** The machine is off, or asleep, or its cable is out: it neither sends nor receives. */
  switchOff(router: number): void {
    this.#off.add(router);
  }

  switchOn(router: number): void {
    this.#off.delete(router);
  }

  passes(from: number, to: number): boolean {
    return !this.#off.has(from) && !this.#off.has(to) && !this.#cuts.has(pair(from, to));
  }
}

const MAX_ROUTERS = 2 ** 20;

function pair(from: number, to: number): number {
  return from * MAX_ROUTERS + to;
}
