import { Uint8ArrayList } from 'uint8arraylist';

/** The largest frame of any protocol, bytes. */
export const MAX_FRAME_BYTES = 256 * 1024;

const MAX_PREFIX_BYTES = 4;

/** A message behind its length as an unsigned LEB128 varint. */
export function frame(message: Uint8Array): Uint8Array {
  const prefix: number[] = [];
  let rest = message.length;
  while (rest >= 0x80) {
    prefix.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  prefix.push(rest);
  const whole = new Uint8Array(prefix.length + message.length);
  whole.set(prefix);
  whole.set(message, prefix.length);
  return whole;
}

/** Cuts a stream of bytes into messages. After a frame that is too large it is broken and stays so. */
export class FrameReader {
  readonly #max: number;
  readonly #buffer = new Uint8ArrayList();
  broken = false;

  constructor(max = MAX_FRAME_BYTES) {
    this.#max = max;
  }

  /** Bytes that wait for the rest of their message. */
  get pending(): number {
    return this.#buffer.byteLength;
  }

  /** The messages that these bytes complete, in order. Never throws. */
  push(bytes: Uint8Array | Uint8ArrayList): Uint8Array[] {
    const messages: Uint8Array[] = [];
    if (this.broken) return messages;
    this.#buffer.append(bytes);
    for (;;) {
      const length = this.#length();
      if (length === undefined) return messages;
      if (length.value > this.#max) {
        this.broken = true;
        this.#buffer.consume(this.#buffer.byteLength);
        return messages;
      }
      if (this.#buffer.byteLength < length.size + length.value) return messages;
      messages.push(this.#buffer.slice(length.size, length.size + length.value));
      this.#buffer.consume(length.size + length.value);
    }
  }

  #length(): { value: number; size: number } | undefined {
    let value = 0;
    for (let i = 0; i < MAX_PREFIX_BYTES; i++) {
      if (i >= this.#buffer.byteLength) return undefined;
      const byte = this.#buffer.get(i);
      value += (byte & 0x7f) * 128 ** i;
      if (byte < 0x80) return { value, size: i + 1 };
    }
    return { value: Number.POSITIVE_INFINITY, size: MAX_PREFIX_BYTES };
  }
}
