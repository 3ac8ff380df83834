/** Where the key of the flow in a slot is read: the numbers of its two ends, and its service. */
export interface EndNumbers {
  device(slot: number): number;
  other(slot: number): number;
}
export interface Services {
  service(slot: number): number;
}

/**
 * The way from two ends and a service to the slot of their flow: open addressing with linear probing over slots (Knuth,
 * TAOCP 3, 6.4, algorithm R for what goes). A flow is found whichever of its ends is named first.
 */
export class FlowIndex {
  readonly #ends: EndNumbers;
  readonly #services: Services;
  readonly #seed: number;
  /** Slots plus one; 0 is free. As long as a power of two, at most two thirds full. */
  #places = new Int32Array(64);
  #size = 0;

  /** `seed`: drawn anew, so that nobody can choose connections that crowd. */
  constructor(ends: EndNumbers, services: Services, seed = Math.trunc(Math.random() * 2 ** 32)) {
    this.#ends = ends;
    this.#services = services;
    this.#seed = seed;
  }

  /** The slot of the flow; −1 when there is none. */
  find(one: number, other: number, service: number): number {
    const mask = this.#places.length - 1;
    for (let place = hash(this.#seed, one, other, service) & mask; ; place = (place + 1) & mask) {
      const slot = (this.#places[place] as number) - 1;
      if (slot === -1 || this.#holds(slot, one, other, service)) return slot;
    }
  }

  /** Adds the flow of a slot, whose key must not be in yet. */
  add(slot: number): void {
    if (this.#size * 3 >= this.#places.length * 2) this.#spread();
    this.#size += 1;
    this.#put(slot);
  }

  /** Takes the flow of a slot out, as long as its key can still be read. */
  remove(slot: number): void {
    const places = this.#places;
    const mask = places.length - 1;
    let hole = this.#home(slot) & mask;
    while (places[hole] !== slot + 1) hole = (hole + 1) & mask;
    // What lies behind moves up, unless its home lies behind the hole.
    for (let place = (hole + 1) & mask; places[place] !== 0; place = (place + 1) & mask) {
      const home = this.#home((places[place] as number) - 1) & mask;
      if (((place - home) & mask) < ((place - hole) & mask)) continue;
      places[hole] = places[place] as number;
      hole = place;
    }
    places[hole] = 0;
    this.#size -= 1;
  }

  #holds(slot: number, one: number, other: number, service: number): boolean {
    if (this.#services.service(slot) !== service) return false;
    const [x, y] = [this.#ends.device(slot), this.#ends.other(slot)];
    return (x === one && y === other) || (x === other && y === one);
  }

  #home(slot: number): number {
    return hash(this.#seed, this.#ends.device(slot), this.#ends.other(slot), this.#services.service(slot));
  }

  #put(slot: number): void {
    const mask = this.#places.length - 1;
    let place = this.#home(slot) & mask;
    while (this.#places[place] !== 0) place = (place + 1) & mask;
    this.#places[place] = slot + 1;
  }

  #spread(): void {
    const before = this.#places;
    this.#places = new Int32Array(before.length * 2);
    for (const held of before) if (held !== 0) this.#put(held - 1);
  }
}

/** The same for both orders of the ends (MurmurHash3 of three words). */
function hash(seed: number, one: number, other: number, service: number): number {
  const [low, high] = one < other ? [one, other] : [other, one];
  let mixed = add(add(add(seed, low), high), service);
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}

function add(hashed: number, word: number): number {
  const scrambled = Math.imul(word, 0xcc9e2d51);
  const mixed = hashed ^ Math.imul((scrambled << 15) | (scrambled >>> 17), 0x1b873593);
  return (Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe6546b64) | 0;
}
