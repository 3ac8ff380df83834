import type { TcpFrame } from './frame.ts';

/** One direction of a connection. */
interface Stream {
  /** Sequence number of the byte that is next. */
  next: number;
  /** What came and was not used yet. */
  rest: Uint8Array;
  /** Something is missing: nothing more can be read before the connection begins anew. */
  lost: boolean;
}

/** What a segment brought. */
export interface StreamBytes {
  /** All that was not used yet, in order; valid until the call returns. */
  readonly bytes: Uint8Array;
  /** True when what comes next will be missing. */
  readonly lost: boolean;
}

const MAX_STREAMS = 256;
/** So many bytes are kept of a stream; beyond that it is given up. */
export const MAX_REST = 8_192;

/**
 * Puts the segments of TCP streams together, as far as they come in order (RFC 9293): repeated bytes are passed over, at
 * a gap a stream is given up. A stream that is met on its way begins with the first segment seen. Time and memory are bounded:
 * 256 streams of 8 KiB; the oldest gives way.
 */
export class TcpStreams {
  readonly #streams = new Map<string, Stream>();
  /** Streams that gave way to others while they held something, and those that were given up. */
  readonly counters = { evicted: 0, gaps: 0 };

  get size(): number {
    return this.#streams.size;
  }

  /** True when earlier segments of this stream were taken. */
  has(frame: TcpFrame): boolean {
    return this.#streams.has(keyOf(frame));
  }

  /** What there is to read with this segment; undefined when it brings nothing new. */
  take(frame: TcpFrame): StreamBytes | undefined {
    const key = keyOf(frame);
    const stream = this.#stream(key, frame);
    if (frame.ends) this.#streams.delete(key);
    if (stream.lost) return undefined;
    // The SYN takes a number of its own.
    const seq = frame.begins ? frame.seq + 1 : frame.seq;
    const ahead = (seq - stream.next) | 0;
    if (ahead > 0) return this.#giveUp(stream, stream.rest);
    const fresh = frame.payload.subarray(-ahead);
    if (fresh.length === 0) return undefined;
    stream.next = (stream.next + fresh.length) >>> 0;
    const bytes = stream.rest.length === 0 ? fresh : Buffer.concat([stream.rest, fresh]);
    stream.rest = new Uint8Array(0);
    return frame.missing > 0 ? this.#giveUp(stream, bytes) : { bytes, lost: false };
  }

  /** Keeps what could not be used yet of the stream's bytes. False: it is too much, and the stream is given up. */
  keep(frame: TcpFrame, rest: Uint8Array): boolean {
    const stream = this.#streams.get(keyOf(frame));
    if (stream === undefined || rest.length === 0) return true;
    if (rest.length > MAX_REST) {
      this.#giveUp(stream, rest);
      return false;
    }
    // A copy: the frame's bytes are another's soon.
    stream.rest = Uint8Array.from(rest);
    return true;
  }

  /** Nothing more of this stream matters. */
  forget(frame: TcpFrame): void {
    this.#streams.delete(keyOf(frame));
  }

  #stream(key: string, { begins, seq }: TcpFrame): Stream {
    const known = this.#streams.get(key);
    if (known !== undefined && !begins) return known;
    this.#streams.delete(key);
    const [oldest] = this.#streams;
    if (this.#streams.size >= MAX_STREAMS && oldest !== undefined) {
      this.#streams.delete(oldest[0]);
      if (oldest[1].rest.length > 0) this.counters.evicted += 1;
    }
    const stream = { next: begins ? (seq + 1) >>> 0 : seq, rest: new Uint8Array(0), lost: false };
    this.#streams.set(key, stream);
    return stream;
  }

  #giveUp(stream: Stream, bytes: Uint8Array): StreamBytes | undefined {
    this.counters.gaps += 1;
    stream.lost = true;
    stream.rest = new Uint8Array(0);
    return bytes.length === 0 ? undefined : { bytes, lost: true };
  }
}

function keyOf({ src, sport, dst, dport }: TcpFrame): string {
  return `${src} ${sport} ${dst} ${dport}`;
}
