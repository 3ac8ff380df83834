/** Writes whole numbers and bytes one after the other. A number takes 7 bits a byte, the lowest first (LEB128). */
export class PackedWriter {
  #buffer = new Uint8Array(1_024);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** 0 to 2⁵³ − 1. */
  number(value: number): this {
    this.#reserve(8);
    let rest = value;
    while (rest >= 0x80) {
      this.#buffer[this.#length++] = (rest % 128) | 0x80;
      rest = Math.floor(rest / 128);
    }
    this.#buffer[this.#length++] = rest;
    return this;
  }

  /** Of a length that the reader knows. */
  bytes(value: Uint8Array): this {
    this.#reserve(value.length);
    this.#buffer.set(value, this.#length);
    this.#length += value.length;
    return this;
  }

  /** UTF-8, cut to `max` bytes. */
  text(value: string, max: number): this {
    const bytes = Buffer.from(value, 'utf8').subarray(0, max);
    return this.number(bytes.length).bytes(bytes);
  }

  finish(): Uint8Array {
    return this.#buffer.slice(0, this.#length);
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#buffer.length) return;
    const larger = new Uint8Array(Math.max(this.#buffer.length * 2, this.#length + more));
    larger.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = larger;
  }
}

/** Reads what {@link PackedWriter} wrote. What is not there reads as 0 or nothing, and `broken` tells. */
export class PackedReader {
  readonly #bytes: Uint8Array;
  #at = 0;
  #broken = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get broken(): boolean {
    return this.#broken;
  }

  get atEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** Bytes that are still to be read. */
  get left(): number {
    return this.#bytes.length - this.#at;
  }

  number(): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 8; i++) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) break;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (value <= Number.MAX_SAFE_INTEGER) return value;
        break;
      }
      scale *= 128;
    }
    this.#broken = true;
    this.#at = this.#bytes.length;
    return 0;
  }

  bytes(length: number): Uint8Array {
    if (length > this.left) {
      this.#broken = true;
      this.#at = this.#bytes.length;
      return new Uint8Array(0);
    }
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  /** At most `max` bytes of UTF-8; what is not UTF-8 in it is replaced. */
  text(max: number): string {
    const length = this.number();
    if (length > max) this.#broken = true;
    return Buffer.from(this.bytes(this.#broken ? 0 : length)).toString('utf8');
  }
}
