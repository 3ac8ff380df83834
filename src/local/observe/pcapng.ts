import { type CapturedFrame, MAX_FRAME } from './pcap.ts';

/** One interface of a section, as its description says. */
interface CaptureInterface {
  readonly linkType: number;
  /** At most so many bytes of a frame were captured; 0: no limit. */
  readonly snapshot: number;
  readonly unitsPerSecond: number;
  readonly offsetS: number;
}

/** Blocks of this size and more hold no frame that could be. */
const MAX_BLOCK = 1024 * 1024;
const MAX_INTERFACES = 4_096;
const MAX_OPTIONS = 64;
const [SECTION, INTERFACE, PACKET, SIMPLE_PACKET, ENHANCED_PACKET] = [0x0a0d0d0a, 1, 2, 3, 6];
const BYTE_ORDER = 0x1a2b3c4d;
const [OPTION_RESOLUTION, OPTION_OFFSET] = [9, 14];

/**
 * Reads a pcapng stream (draft-ietf-opsawg-pcapng) as it comes: sections of either byte order, interfaces with link types
 * and clocks of their own, packets in all three kinds of block. Other blocks are passed over. What is not pcapng makes it
 * `broken`: nothing after that can be trusted.
 */
export class PcapngReader {
  readonly #onFrame: (frame: CapturedFrame) => void;
  #rest: Uint8Array = new Uint8Array(0);
  #little: boolean | undefined;
  #interfaces: CaptureInterface[] = [];
  #broken: string | undefined;
  #frames = 0;
  /** Simple packets do not tell when: the time of the packet before. */
  #at = 0;

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

  /** Bytes of a block that has not come to its end. */
  get waiting(): number {
    return this.#rest.length;
  }

  push(chunk: Uint8Array): void {
    if (this.#broken !== undefined) return;
    const all = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    // Not as a Buffer: to take a part of one costs several times as much.
    const bytes = new Uint8Array(all.buffer, all.byteOffset, all.byteLength);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let at = 0;
    while (bytes.length - at >= 12 && this.#broken === undefined) {
      this.#broken = this.#orderFault(view, at);
      const length = view.getUint32(at + 4, this.#little);
      this.#broken ??= lengthFault(length);
      if (this.#broken !== undefined || at + length > bytes.length) break;
      this.#broken =
        view.getUint32(at + length - 4, this.#little) === length
          ? this.#block(view.getUint32(at, this.#little), bytes.subarray(at + 8, at + length - 4))
          : 'a block whose lengths differ';
      at += length;
    }
    // A copy: what is left must not keep the chunk alive.
    this.#rest = this.#broken === undefined ? bytes.slice(at) : new Uint8Array(0);
  }

  /** Each section header tells in which byte order the numbers that follow are. */
  #orderFault(view: DataView, at: number): string | undefined {
    if (view.getUint32(at, false) !== SECTION) {
      return this.#little === undefined ? 'not a pcapng stream' : undefined;
    }
    this.#little = view.getUint32(at + 8, true) === BYTE_ORDER;
    return this.#little || view.getUint32(at + 8, false) === BYTE_ORDER ? undefined : 'not a pcapng stream';
  }

  /** Reads a block without its lengths; the answer is what is wrong with it. */
  #block(type: number, body: Uint8Array): string | undefined {
    const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
    switch (type) {
      case SECTION:
        return this.#section(view);
      case INTERFACE:
        return this.#interface(view);
      case PACKET:
      case ENHANCED_PACKET:
        return this.#packet(type, body, view);
      case SIMPLE_PACKET:
        return this.#simplePacket(body, view);
      default:
        return undefined;
    }
  }

  #section(view: DataView): string | undefined {
    if (view.byteLength < 16) return 'a section header that is too short';
    if (view.getUint16(4, this.#little) !== 1) return 'an unknown version of pcapng';
    this.#interfaces = [];
    return undefined;
  }

  #interface(view: DataView): string | undefined {
    const little = this.#little;
    if (view.byteLength < 8) return 'an interface description that is too short';
    if (this.#interfaces.length >= MAX_INTERFACES) return 'too many interfaces';
    let [unitsPerSecond, offsetS] = [1e6, 0];
    for (let at = 8, count = 0; at + 4 <= view.byteLength && count < MAX_OPTIONS; count++) {
      const [code, length] = [view.getUint16(at, little), view.getUint16(at + 2, little)];
      if (code === 0 || at + 4 + length > view.byteLength) break;
      if (code === OPTION_RESOLUTION && length === 1) {
        const resolution = view.getUint8(at + 4);
        unitsPerSecond = resolution >= 128 ? 2 ** (resolution - 128) : 10 ** resolution;
      }
      if (code === OPTION_OFFSET && length === 8) offsetS = Number(view.getBigInt64(at + 4, little));
      at += 4 + ((length + 3) & ~3);
    }
    const linkType = view.getUint16(0, little);
    this.#interfaces.push({ linkType, snapshot: view.getUint32(4, little), unitsPerSecond, offsetS });
    return undefined;
  }

  /** An enhanced packet block, or its obsolete predecessor, which tells of drops in half of the interface's number. */
  #packet(type: number, body: Uint8Array, view: DataView): string | undefined {
    const little = this.#little;
    if (body.length < 20) return 'a packet block that is too short';
    const index = type === PACKET ? view.getUint16(0, little) : view.getUint32(0, little);
    const from = this.#interfaces[index];
    if (from === undefined) return 'a packet of an interface that was not described';
    const captured = view.getUint32(12, little);
    if (captured > body.length - 20) return 'a packet that is longer than its block';
    const units = view.getUint32(4, little) * 2 ** 32 + view.getUint32(8, little);
    this.#at = (units / from.unitsPerSecond + from.offsetS) * 1_000;
    return this.#frame(from.linkType, body.subarray(20, 20 + captured), view.getUint32(16, little));
  }

  #simplePacket(body: Uint8Array, view: DataView): string | undefined {
    const [first] = this.#interfaces;
    if (body.length < 4) return 'a packet block that is too short';
    if (first === undefined) return 'a packet of an interface that was not described';
    const length = view.getUint32(0, this.#little);
    const captured = Math.min(length, first.snapshot || length, body.length - 4);
    return this.#frame(first.linkType, body.subarray(4, 4 + captured), length);
  }

  #frame(linkType: number, bytes: Uint8Array, length: number): string | undefined {
    if (bytes.length > MAX_FRAME) return 'a frame that is too long';
    this.#frames += 1;
    this.#onFrame({ linkType, bytes, at: this.#at, length: Math.max(length, bytes.length) });
    return undefined;
  }
}

function lengthFault(length: number): string | undefined {
  if (length < 12 || length % 4 !== 0) return 'a block of impossible length';
  return length > MAX_BLOCK ? 'a block that is too long' : undefined;
}
