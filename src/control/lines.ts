/** Cuts what comes into lines; a line that is too long ends it. Each piece is looked at once, however small it is. */
export class Lines {
  readonly #most: number;
  #pieces: string[] = [];
  #length = 0;

  /** @param most characters of a line. */
  constructor(most: number) {
    this.#most = most;
  }

  /** A line has begun and not ended. */
  get pending(): boolean {
    return this.#length > 0;
  }

  /** The lines that end in this piece, without their ends; undefined once one is too long. */
  take(piece: string): string[] | undefined {
    const [first = '', ...more] = piece.split('\n');
    const last = more.pop();
    if (this.#length + first.length > this.#most) return undefined;
    if (last === undefined) {
      this.#keep(first);
      return [];
    }
    const lines = [this.#pieces.join('') + first, ...more];
    this.#pieces = [];
    this.#length = 0;
    if ([...more, last].some((line) => line.length > this.#most)) return undefined;
    this.#keep(last);
    return lines;
  }

  #keep(piece: string): void {
    if (piece === '') return;
    this.#pieces.push(piece);
    this.#length += piece.length;
    // Many tiny pieces would take far more room than what is in them.
    if (this.#pieces.length > 1_000) this.#pieces = [this.#pieces.join('')];
  }
}
