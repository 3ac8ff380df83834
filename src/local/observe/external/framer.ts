import { HEADER, type Header, headerAt } from './message.ts';

/**
 * Cuts a stream into messages, by their headers: a stream of TCP, or datagrams whose boundaries got lost in a pipe. What is
 * no header is passed over byte by byte until one is found, so a malformed datagram costs itself, and one that is shorter
 * than it claims the next as well. Keeps less than one message.
 */
export class MessageFramer {
  readonly #onMessage: (message: Uint8Array) => void;
  #rest: Buffer = Buffer.alloc(0);
  /** Bytes passed over. */
  skipped = 0;

  constructor(onMessage: (message: Uint8Array) => void) {
    this.#onMessage = onMessage;
  }

  /** Bytes of a message that has not come whole. */
  get waiting(): number {
    return this.#rest.length;
  }

  push(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    while (bytes.length - at >= HEADER) {
      const header = headerAt(bytes, at);
      const end = typeof header === 'string' ? at : at + HEADER + header.payload;
      if (end > bytes.length) break;
      if (typeof header === 'string' || isTail(bytes, at, header)) {
        at += 1;
        this.skipped += 1;
      } else {
        this.#onMessage(bytes.subarray(at, end));
        at = end;
      }
    }
    // A copy: what is left of a large chunk must not keep it alive.
    this.#rest = Buffer.from(bytes.subarray(at));
  }

  /** What was half-read belongs to a sender that is gone. */
  reset(): void {
    this.skipped += this.#rest.length;
    this.#rest = Buffer.alloc(0);
  }
}

/** Three zeros and a little-endian header look like a big-endian one, but for a payload that begins with zeros: none does. */
function isTail(bytes: Uint8Array, at: number, { little }: Header): boolean {
  return !little && typeof headerAt(bytes, at + 3) !== 'string';
}
