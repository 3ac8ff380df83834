import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { readFileIfThere } from './files.ts';

/** Damage that LevelDB passes over. */

/** True for data without the file CURRENT: LevelDB takes that for a new folder, and deletes what it finds there. */
export function lacksCurrent(folder: string): boolean {
  const files = filesOf(folder);
  return !files.includes('CURRENT') && files.some((file) => /\.(ldb|log|sst)$/.test(file));
}

/**
 * True when LevelDB has just gone on without parts of its log: it only notes that in its file LOG. The torn end that a
 * power cut leaves is none of these.
 */
export function droppedSome(folder: string): boolean {
  return / dropping \d+ bytes/.test(readFileIfThere(join(folder, 'LOG'))?.toString('latin1') ?? '');
}

/**
 * A value behind its CRC-32, big-endian. LevelDB does not check its blocks when it reads them, and an op's hash does not
 * cover its signature, which a later joiner would refuse.
 */
export function sealed(value: Uint8Array): Uint8Array {
  const whole = new Uint8Array(4 + value.length);
  new DataView(whole.buffer).setUint32(0, crc32(value));
  whole.set(value, 4);
  return whole;
}

/** The value; an Error when it is not what was written. */
export function unsealed(bytes: Uint8Array): Uint8Array {
  const value = bytes.subarray(4);
  const sum = bytes.length < 4 ? -1 : new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
  if (sum !== crc32(value)) throw new Error('a value is not what was written');
  return value;
}

function filesOf(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}
