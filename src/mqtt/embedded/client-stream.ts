import { Duplex } from 'node:stream';

/** Writes are joined up to so many bytes: one system call, or one WebSocket frame, for many small packets. */
const JOINED = 64 * 1024;

/**
 * Stands between a client's stream and the broker: looks at what comes before the broker's parser gathers it, and knows how
 * much waits for the client (`writableLength`, until the kernel has taken it).
 */
export class ClientStream extends Duplex {
  readonly #inner: Duplex;
  readonly #scan: (chunk: Uint8Array) => string | undefined;
  readonly #onWrong: (reason: string) => void;

  /** @param scan answers why a chunk is wrong; then `onWrong` is told, and the stream destroyed. */
  constructor(
    inner: Duplex,
    scan: (chunk: Uint8Array) => string | undefined,
    onWrong: (reason: string) => void,
  ) {
    super({ allowHalfOpen: false });
    this.#inner = inner;
    this.#scan = scan;
    this.#onWrong = onWrong;
    inner.on('data', (chunk: Buffer) => this.#take(chunk));
    inner.on('end', () => this.push(null));
    inner.on('close', () => this.destroy());
    // How it broke is of no interest: it is closed either way.
    inner.on('error', () => this.destroy());
    if (inner.destroyed) this.destroy();
  }

  override _read(): void {
    this.#inner.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#inner.write(chunk, done);
  }

  override _writev(
    chunks: readonly { readonly chunk: Buffer }[],
    done: (error?: Error | null) => void,
  ): void {
    const next = (from: number): void => {
      let length = 0;
      let to = from;
      do length += chunks[to++]?.chunk.length ?? 0;
      while (to < chunks.length && length < JOINED);
      const joined = Buffer.concat(
        chunks.slice(from, to).map(({ chunk }) => chunk),
        length,
      );
      this.#inner.write(joined, (error) => (error || to >= chunks.length ? done(error) : next(to)));
    };
    next(0);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#inner.end();
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#inner.destroy();
    done(error);
  }

  #take(chunk: Buffer): void {
    if (this.destroyed) return;
    const wrong = this.#scan(chunk);
    if (wrong !== undefined) {
      this.#onWrong(wrong);
      this.destroy();
      return;
    }
    if (!this.push(chunk)) this.#inner.pause();
  }
}
