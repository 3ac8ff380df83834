import { type FileHandle, open } from 'node:fs/promises';
import { DataError, messageOf, UnavailableError } from '../../errors.ts';
import { CaptureReader } from '../observe/capture-reader.ts';
import type { CapturedFrame } from '../observe/pcap.ts';

/** Bytes that are read at a time: memory does not depend on the size of the capture. */
const CHUNK = 256 * 1024;
const GZIP = Buffer.from([0x1f, 0x8b]);

/** How a reading went. */
export interface CaptureRead {
  readonly frames: number;
  /** Why not everything was read; undefined when it was. */
  readonly damage: string | undefined;
}

/** A capture on disk, pcap or pcapng, read from its beginning as often as one likes. */
export class CaptureFile {
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  readonly #handle: FileHandle;

  private constructor(path: string, handle: FileHandle, size: number) {
    this.path = path;
    this.#handle = handle;
    this.size = size;
  }

  /** UnavailableError when it cannot be opened, DataError when it is no file. */
  static async open(path: string): Promise<CaptureFile> {
    let handle: FileHandle | undefined;
    try {
      handle = await open(path, 'r');
      const stat = await handle.stat();
      if (!stat.isFile()) throw new DataError(`${path} is not a file`);
      return new CaptureFile(path, handle, stat.size);
    } catch (cause) {
      await handle?.close();
      if (cause instanceof DataError) throw cause;
      throw new UnavailableError(`${path} cannot be read: ${messageOf(cause)}`, { cause });
    }
  }

  /**
   * Hands over the frames, and waits after each chunk for `onChunk`. Ends early, without an error, when the signal aborts
   * or `onChunk` answers false. DataError when there is no frame because it is no capture, UnavailableError when the disk fails.
   */
  async read(
    onFrame: (frame: CapturedFrame) => void,
    onChunk: (bytesRead: number) => Promise<boolean> | boolean,
    signal: AbortSignal,
  ): Promise<CaptureRead> {
    const reader = new CaptureReader(onFrame);
    const chunk = new Uint8Array(CHUNK);
    let at = 0;
    while (!signal.aborted && reader.broken === undefined) {
      const length = await this.#fill(chunk, at);
      if (length === 0) {
        reader.end();
        break;
      }
      if (at === 0) this.#refuseCompressed(chunk);
      at += length;
      reader.push(chunk.subarray(0, length));
      if (!(await onChunk(at))) break;
    }
    if (reader.frames === 0 && reader.broken !== undefined) {
      throw new DataError(`${this.path} is no capture that can be read: ${reader.broken}`, {
        hint: 'pcap and pcapng files can be replayed, such as tcpdump -w and Wireshark write',
      });
    }
    return { frames: reader.frames, damage: reader.broken };
  }

  close(): Promise<void> {
    return this.#handle.close();
  }

  async #fill(chunk: Uint8Array, at: number): Promise<number> {
    try {
      const { bytesRead } = await this.#handle.read(chunk, 0, chunk.length, at);
      return bytesRead;
    } catch (cause) {
      throw new UnavailableError(`${this.path} cannot be read: ${messageOf(cause)}`, { cause });
    }
  }

  #refuseCompressed(chunk: Uint8Array): void {
    if (!GZIP.equals(chunk.subarray(0, GZIP.length))) return;
    throw new DataError(`${this.path} is compressed`, { hint: `gunzip -k ${this.path}` });
  }
}
