/** The kinds of items a column may hold. */
type Items = Uint8Array | Int32Array | Float64Array;

/** Numbers in one typed array that grows by half when it is full: years of ops in a few bytes each. */
export class Column<A extends Items> {
  readonly #make: (buffer: ArrayBuffer) => A;
  readonly #itemBytes: number;
  #buffer = new ArrayBuffer(0);
  #items: A;
  #length = 0;

  private constructor(make: (buffer: ArrayBuffer) => A) {
    this.#make = make;
    this.#items = make(this.#buffer);
    this.#itemBytes = this.#items.BYTES_PER_ELEMENT;
  }

  static ofBytes(): Column<Uint8Array> {
    return new Column((buffer) => new Uint8Array(buffer));
  }

  static ofInts(): Column<Int32Array> {
    return new Column((buffer) => new Int32Array(buffer));
  }

  /** Of whole numbers exact to 2⁵³. */
  static ofFloats(): Column<Float64Array> {
    return new Column((buffer) => new Float64Array(buffer));
  }

  get length(): number {
    return this.#length;
  }

  /** The item at `n`, which must be there. */
  at(n: number): number {
    return this.#items[n] as number;
  }

  set(n: number, item: number): void {
    this.#items[n] = item;
  }

  push(item: number): void {
    if (this.#length === this.#items.length) this.reserve(this.#length + 1);
    this.#items[this.#length++] = item;
  }

  append(items: ArrayLike<number>, from = 0, to = items.length): void {
    this.reserve(this.#length + to - from);
    for (let i = from; i < to; i++) this.#items[this.#length++] = items[i] as number;
  }

  /** The items themselves and the room behind them, to be read at once: they move when the column grows. */
  get items(): A {
    return this.#items;
  }

  /** A copy of some items. */
  slice(from: number, to: number): A {
    return this.#items.slice(from, to) as A;
  }

  /** All items are 0 again. */
  clear(): void {
    this.#items.fill(0);
  }

  /** Makes room for so many items in all. */
  reserve(length: number): void {
    if (length <= this.#items.length) return;
    const room = Math.max(64, length, Math.ceil(this.#items.length * 1.5));
    this.#buffer = this.#buffer.transfer(room * this.#itemBytes);
    this.#items = this.#make(this.#buffer);
  }
}
