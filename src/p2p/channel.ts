import type { Stream } from '@libp2p/interface';
import { FrameReader, frame } from './frames.ts';
import type { Channel } from './sync/sync-talk.ts';

/** Sending waits until less than this is queued in the stream, bytes (overlay.md). */
const MAX_QUEUED_BYTES = 256 * 1024;
/** Reading pauses while more messages than this wait to be taken. */
const MAX_WAITING = 8;

/**
 * Whole messages over a libp2p stream, with backpressure both ways. `send()` of libp2p never refuses and its
 * `onDrain()` works once, so the `drain` event is what is waited for.
 */
export class StreamChannel implements Channel {
  readonly #stream: Stream;
  readonly #reader: FrameReader;
  readonly #messages: Uint8Array[] = [];
  #changed = Promise.withResolvers<void>();
  #ended = false;
  #resuming = false;
  #failure: Error | undefined;

  constructor(stream: Stream, maxFrame?: number) {
    this.#stream = stream;
    this.#reader = new FrameReader(maxFrame);
    stream.addEventListener('message', (event) => {
      this.#messages.push(...this.#reader.push(event.data));
      if (this.#reader.broken) this.abort(new Error('sends a frame that is too large'));
      else if (!this.#resuming) this.#pauseIfFull();
      this.#wake();
    });
    stream.addEventListener('remoteCloseWrite', () => this.#end(undefined));
    stream.addEventListener('close', (event) => this.#end(event.error));
    stream.addEventListener('drain', () => this.#wake());
    stream.addEventListener('idle', () => this.#wake());
  }

  async send(message: Uint8Array): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    this.#stream.send(frame(message));
    while (this.#stream.status === 'open' && this.#stream.writeBufferLength >= MAX_QUEUED_BYTES) {
      await this.#changed.promise;
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  async receive(): Promise<Uint8Array | undefined> {
    for (;;) {
      const message = this.#messages.shift();
      if (message !== undefined) {
        if (this.#messages.length === 0 && this.#stream.readStatus === 'paused') this.#resume();
        return message;
      }
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#ended) return undefined;
      await this.#changed.promise;
    }
  }

  /** No more will be sent; what is queued still goes out. */
  async close(signal: AbortSignal): Promise<void> {
    await this.#stream.close({ signal });
  }

  abort(reason: Error): void {
    this.#failure ??= reason;
    this.#stream.abort(reason);
    this.#wake();
  }

  /**
   * libp2p hands over what has gathered before it opens the window again, so that a pause in between would hold back nothing more:
   * up to 4 MB came, and then the stream was aborted.
   */
  #resume(): void {
    this.#resuming = true;
    this.#stream.resume();
    this.#resuming = false;
    this.#pauseIfFull();
  }

  #pauseIfFull(): void {
    if (this.#messages.length > MAX_WAITING && this.#stream.readStatus === 'readable') this.#stream.pause();
  }

  #end(error: Error | undefined): void {
    this.#ended = true;
    this.#failure ??= error;
    this.#wake();
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }
}
