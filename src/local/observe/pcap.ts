/** A captured frame. The bytes are valid only until the call returns. */
export interface CapturedFrame {
  /** LINKTYPE of the file (tcpdump.org/linktypes.html); 1 is Ethernet. */
  readonly linkType: number;
  readonly bytes: Uint8Array;
  /** When it was captured, Unix milliseconds with fractions. */
  readonly at: number;
  /** Bytes on the wire, of which `bytes` may be the beginning. */
  readonly length: number;
}

/** Linux's own limit for a snapshot (MAXIMUM_SNAPLEN of libpcap). */
export const MAX_FRAME = 262_144;
const FILE_HEADER = 24;
const RECORD_HEADER = 16;

/** Magic number → byte order and what a unit of the fraction is (pcap-savefile(5)). */
const MAGIC = new Map([
  [0xa1b2c3d4, { little: false, perMs: 1_000 }],
  [0xd4c3b2a1, { little: true, perMs: 1_000 }],
  [0xa1b23c4d, { little: false, perMs: 1_000_000 }],
  [0x4d3cb2a1, { little: true, perMs: 1_000_000 }],
]);

/**
 * Reads a pcap stream as it comes. What is not pcap, or claims a frame that cannot be, makes it `broken`: nothing
 * after that can be trusted.
 */
export class PcapReader {
  readonly #onFrame: (frame: CapturedFrame) => void;
  #rest: Uint8Array = new Uint8Array(0);
  #format: { little: boolean; perMs: number; linkType: number } | undefined;
  #broken: string | undefined;
  #frames = 0;

  constructor(onFrame: (frame: CapturedFrame) => void) {
    this.#onFrame = onFrame;
  }

  get frames(): number {
    return this.#frames;
  }

  /** Why nothing more is read. */
  get broken(): string | undefined {
    return this.#broken;
  }

  /** Bytes of a frame that has not come to its end. */
  get waiting(): number {
    return this.#rest.length;
  }

  /** Another stream begins. */
  reset(): void {
    this.#rest = new Uint8Array(0);
    this.#format = undefined;
    this.#broken = undefined;
  }

  push(chunk: Uint8Array): void {
    if (this.#broken !== undefined) return;
    const all = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    // Not as a Buffer: to take a part of one costs several times as much.
    const bytes = new Uint8Array(all.buffer, all.byteOffset, all.byteLength);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let at = 0;
    if (this.#format === undefined) {
      if (bytes.length < FILE_HEADER) {
        this.#rest = bytes.slice();
        return;
      }
      this.#format = readHeader(view);
      at = FILE_HEADER;
    }
    if (this.#format === undefined) {
      this.#break('not a pcap stream');
      return;
    }
    const { little, perMs, linkType } = this.#format;
    while (bytes.length - at >= RECORD_HEADER) {
      const length = view.getUint32(at + 8, little);
      if (length > MAX_FRAME) {
        this.#break('a frame that is too long');
        return;
      }
      const end = at + RECORD_HEADER + length;
      if (end > bytes.length) break;
      const when = view.getUint32(at, little) * 1_000 + view.getUint32(at + 4, little) / perMs;
      this.#frames += 1;
      const onWire = Math.max(length, view.getUint32(at + 12, little));
      this.#onFrame({ linkType, bytes: bytes.subarray(at + RECORD_HEADER, end), at: when, length: onWire });
      at = end;
    }
    // A copy: what is left must not keep the chunk alive.
    this.#rest = bytes.slice(at);
  }

  #break(why: string): void {
    this.#broken = why;
    this.#rest = new Uint8Array(0);
  }
}

function readHeader(view: DataView): { little: boolean; perMs: number; linkType: number } | undefined {
  const order = MAGIC.get(view.getUint32(0, false));
  if (order === undefined) return undefined;
  // The upper six bits tell of a frame check sequence.
  return { ...order, linkType: view.getUint32(20, order.little) & 0x03ffffff };
}
