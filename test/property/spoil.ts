/** Spoils samples by chance, the same way in every run (mulberry32): for rubbish in numbers that fast-check is too thorough for. */
export class Spoiler {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  /** 0 ≤ number < below. */
  number(below: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.number(items.length)];
    if (item === undefined) throw new Error('nothing to pick from');
    return item;
  }

  /** One of the samples with bytes changed, exchanged for telling ones, cut out, doubled, cut off or put behind. */
  bytes(samples: readonly Uint8Array[]): Uint8Array {
    const bytes = Buffer.from(this.pick(samples));
    if (bytes.length === 0) return bytes;
    for (let edits = this.number(6); edits > 0; edits--) {
      const at = this.number(bytes.length);
      const how = this.number(3);
      if (how === 0) bytes[at] = this.number(256);
      else if (how === 1) bytes[at] = this.pick([0, 1, 0x0f, 0x3f, 0x40, 0x7f, 0x80, 0xc0, 0xc1, 0xff]);
      else bytes.copyWithin(at, this.number(bytes.length), this.number(bytes.length));
    }
    const end = this.number(5);
    if (end === 0) return bytes.subarray(0, this.number(bytes.length + 1));
    if (end === 1) return bytes.subarray(this.number(bytes.length));
    if (end === 2) return Buffer.concat([bytes, this.pick(samples).subarray(0, this.number(64))]);
    return bytes;
  }
}
