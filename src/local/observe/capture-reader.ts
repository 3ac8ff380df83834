import { type CapturedFrame, PcapReader } from './pcap.ts';
import { PcapngReader } from './pcapng.ts';

const PCAPNG = Buffer.from([0x0a, 0x0d, 0x0d, 0x0a]);

/** Reads a capture, pcap or pcapng, as it comes; which of them it is, its first bytes tell. */
export class CaptureReader {
  readonly #onFrame: (frame: CapturedFrame) => void;
  #reader: PcapReader | PcapngReader | undefined;
  #head: Uint8Array = new Uint8Array(0);
  #broken: string | undefined;

  constructor(onFrame: (frame: CapturedFrame) => void) {
    this.#onFrame = onFrame;
  }

  /** How many frames were read. */
  get frames(): number {
    return this.#reader?.frames ?? 0;
  }

  /** Why nothing more is read, or what was missing at the end; undefined as long as all is well. */
  get broken(): string | undefined {
    return this.#broken ?? this.#reader?.broken;
  }

  push(chunk: Uint8Array): void {
    if (this.#reader !== undefined) {
      this.#reader.push(chunk);
      return;
    }
    this.#head = Buffer.concat([this.#head, chunk]);
    if (this.#head.length < PCAPNG.length) return;
    const isPcapng = PCAPNG.equals(this.#head.subarray(0, PCAPNG.length));
    this.#reader = isPcapng ? new PcapngReader(this.#onFrame) : new PcapReader(this.#onFrame);
    this.#reader.push(this.#head);
    this.#head = new Uint8Array(0);
  }

  /** The stream has ended. */
  end(): void {
    if (this.broken !== undefined) return;
    if (this.#reader === undefined) this.#broken = 'not a capture';
    else if (this.#reader.waiting > 0) this.#broken = 'the capture ends in the middle of a frame';
  }
}
