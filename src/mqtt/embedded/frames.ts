/** Types of packets that clients send (MQTT 3.1.1, 2.2.1). */
export const PACKET = {
  connect: 1,
  publish: 3,
  subscribe: 8,
  unsubscribe: 10,
  pingreq: 12,
} as const;

/** The longest packets that are taken, bytes, without their fixed header. */
export interface FrameLimits {
  readonly publishBytes: number;
  /** CONNECT, SUBSCRIBE and all others. */
  readonly otherBytes: number;
}

/**
 * Follows where packets begin in a stream of bytes (MQTT 3.1.1, 2.2), keeping none of them. It stands before the broker's own
 * parser, which would gather a packet of 256 MB before looking at it.
 */
export class FrameScanner {
  readonly #limits: FrameLimits;
  readonly #onPacket: (type: number) => string | undefined;
  /** Bytes of the current packet's body that are still to come. */
  #body = 0;
  /** The first byte of the current fixed header, or undefined between packets. */
  #first: number | undefined;
  #length = 0;
  #shift = 0;
  #connected = false;

  /** @param onPacket told of every packet when its header is read; a text that it answers ends the connection. */
  constructor(limits: FrameLimits, onPacket: (type: number) => string | undefined) {
    this.#limits = limits;
    this.#onPacket = onPacket;
  }

  /** @returns why the connection must end, or undefined. What came before the fault has been told already. */
  scan(chunk: Uint8Array): string | undefined {
    let at = 0;
    while (at < chunk.length) {
      if (this.#body > 0) {
        const skipped = Math.min(this.#body, chunk.length - at);
        this.#body -= skipped;
        at += skipped;
        continue;
      }
      const byte = chunk[at++] ?? 0;
      if (this.#first === undefined) {
        this.#first = byte;
        continue;
      }
      this.#length += (byte & 0x7f) << this.#shift;
      this.#shift += 7;
      if (byte >= 0x80) {
        if (this.#shift === 28) return 'malformed';
        continue;
      }
      const wrong = this.#header(this.#first >> 4, this.#length);
      if (wrong !== undefined) return wrong;
      this.#body = this.#length;
      this.#first = undefined;
      this.#length = 0;
      this.#shift = 0;
    }
    return undefined;
  }

  #header(type: number, length: number): string | undefined {
    if (type === 0 || type === 15) return 'malformed';
    // A client speaks first, with CONNECT, and says it once (3.1).
    if ((type === PACKET.connect) === this.#connected) return 'malformed';
    this.#connected = true;
    const most = type === PACKET.publish ? this.#limits.publishBytes : this.#limits.otherBytes;
    if (length > most) return 'too long';
    return this.#onPacket(type);
  }
}
