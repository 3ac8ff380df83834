import type { Clock } from '../../clock.ts';

/** So many times as long as it took to make it is waited before it is made anew: 2 % of the time at most. */
const REST = 50;

/**
 * Something that costs to make, made anew when its version has grown, though what took long is left alone for a while, and in
 * any case after `mostMs`.
 */
export class Fresh<T> {
  readonly #make: () => Promise<T>;
  readonly #clock: Clock;
  readonly #mostMs: number;
  #value: T | undefined;
  #version: string | number | undefined;
  #at = Number.NEGATIVE_INFINITY;
  #restMs = 0;

  constructor(make: () => Promise<T>, options: { clock: Clock; mostMs: number }) {
    this.#make = make;
    this.#clock = options.clock;
    this.#mostMs = options.mostMs;
  }

  /** As it was made last; undefined before. */
  get value(): T | undefined {
    return this.#value;
  }

  /** True when it was made anew. Rejects when that failed, and stays as it was. */
  async renew(version: string | number): Promise<boolean> {
    const began = this.#clock.monotonic();
    const age = began - this.#at;
    const due = age >= (version === this.#version ? this.#mostMs : Math.min(this.#restMs, this.#mostMs));
    if (!due) return false;
    this.#value = await this.#make();
    this.#version = version;
    this.#at = this.#clock.monotonic();
    this.#restMs = REST * (this.#at - began);
    return true;
  }
}
