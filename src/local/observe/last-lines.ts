const FREE = -1;
/** Lines that are remembered; what is beyond is read in full each time. */
const MAX_LINES = 65_536;
const FIRST_PLACES = 2_048;
/** Family, its number, protocol, its number: what stands before the timeout, which counts down. */
const HEAD_WORDS = 4;
const SPACE = 32;

/**
 * Which lines of a reading say the same as in the reading before: most connections are idle. A line is known by a hash of 64
 * bits over what it says, without its timeout; `seed` is drawn anew, so that nobody can make two lines look the same.
 */
export class LastLines {
  #last = new Lines();
  #now = new Lines();
  #high = 0;
  #low = 0;
  readonly #seed: number;

  constructor(seed = Math.trunc(Math.random() * 2 ** 32)) {
    this.#seed = seed;
  }

  /** A reading begins: what was remembered in the last one can be found in it. */
  begin(): void {
    const last = this.#now;
    this.#now = this.#last;
    this.#last = last;
    this.#now.clear();
  }

  /** The number under which an equal line was remembered in the reading before; −1 when there was none. */
  find(line: string): number {
    this.#look(line);
    return this.#last.find(this.#high, this.#low);
  }

  /** Remembers the line that was looked for last under a number from 0. */
  remember(number: number): void {
    this.#now.add(this.#high, this.#low, number);
  }

  /** Two hashes like FNV's (Fowler, Noll, Vo), each with a multiplier of its own. */
  #look(line: string): void {
    let [high, low] = [this.#seed, ~this.#seed];
    let [words, before] = [0, SPACE];
    let at = 0;
    for (; at < line.length; at++) {
      const code = line.charCodeAt(at);
      if (code === SPACE && before !== SPACE) words += 1;
      if (words === HEAD_WORDS) break;
      before = code;
      high = Math.imul(high ^ code, 0x0100_0193);
      low = Math.imul(low ^ code, 0x85eb_ca6b);
    }
    // Between the two stand the timeout and the state.
    const tuple = line.indexOf('src=', at);
    for (at = tuple < 0 ? at : tuple; at < line.length; at++) {
      const code = line.charCodeAt(at);
      high = Math.imul(high ^ code, 0x0100_0193);
      low = Math.imul(low ^ code, 0x85eb_ca6b);
    }
    this.#high = high ^ (high >>> 15);
    this.#low = low ^ (low >>> 15);
  }
}

/** Numbers by hash: open addressing, at most half full. */
class Lines {
  #high = new Int32Array(FIRST_PLACES);
  #low = new Int32Array(FIRST_PLACES);
  #number = new Int32Array(FIRST_PLACES).fill(FREE);
  #size = 0;

  clear(): void {
    // A flood leaves no room behind that is not needed.
    if (this.#number.length > FIRST_PLACES && this.#size * 8 < this.#number.length) this.#make(FIRST_PLACES);
    else this.#number.fill(FREE);
    this.#size = 0;
  }

  find(high: number, low: number): number {
    return this.#number[this.#placeOf(high, low)] as number;
  }

  add(high: number, low: number, number: number): void {
    if (this.#size >= MAX_LINES) return;
    if (this.#size * 2 >= this.#number.length) this.#grow();
    const place = this.#placeOf(high, low);
    if (this.#number[place] === FREE) this.#size += 1;
    this.#high[place] = high;
    this.#low[place] = low;
    this.#number[place] = number;
  }

  /** Where a hash is, or would be. */
  #placeOf(high: number, low: number): number {
    const mask = this.#number.length - 1;
    let place = high & mask;
    while (this.#number[place] !== FREE && (this.#high[place] !== high || this.#low[place] !== low))
      place = (place + 1) & mask;
    return place;
  }

  #grow(): void {
    const [high, low, number] = [this.#high, this.#low, this.#number];
    this.#make(number.length * 2);
    for (let place = 0; place < number.length; place++) {
      if (number[place] === FREE) continue;
      const to = this.#placeOf(high[place] as number, low[place] as number);
      this.#high[to] = high[place] as number;
      this.#low[to] = low[place] as number;
      this.#number[to] = number[place] as number;
    }
  }

  #make(places: number): void {
    this.#high = new Int32Array(places);
    this.#low = new Int32Array(places);
    this.#number = new Int32Array(places).fill(FREE);
  }
}
