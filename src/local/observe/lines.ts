/** Cuts a stream of bytes into lines of ASCII text. A line that is too long is dropped and counted. */
export class LineSplitter {
  readonly #onLine: (line: string) => void;
  readonly #maxLength: number;
  #rest = '';
  #skipping = false;
  #dropped = 0;

  constructor(onLine: (line: string) => void, maxLength = 8_192) {
    this.#onLine = onLine;
    this.#maxLength = maxLength;
  }

  get dropped(): number {
    return this.#dropped;
  }

  push(chunk: Buffer): void {
    const text = this.#rest + chunk.toString('latin1');
    let from = 0;
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', from)) {
      this.#take(text.slice(from, end));
      from = end + 1;
    }
    this.#rest = text.slice(from);
    if (this.#rest.length > this.#maxLength) {
      if (!this.#skipping) this.#dropped += 1;
      this.#skipping = true;
      this.#rest = '';
    }
  }

  /** The stream ended: what is left is a line as well. */
  end(): void {
    if (this.#rest.length > 0) this.#take(this.#rest);
    this.reset();
  }

  /** Another stream begins. */
  reset(): void {
    this.#rest = '';
    this.#skipping = false;
  }

  #take(line: string): void {
    if (this.#skipping) this.#skipping = false;
    else if (line.length > this.#maxLength) this.#dropped += 1;
    else this.#onLine(line);
  }
}
