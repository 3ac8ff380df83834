import {
  closeSync,
  constants,
  fchownSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { messageOf, TemporaryError } from '../errors.ts';

/** What a person does about a disk that takes nothing. */
export const MAKE_ROOM =
  'free some space on that disk, or make it writable, and start again; what is blocked stays blocked';

/**
 * Replaces a small file so that at any moment, also after a power cut, the old or the new content is there whole:
 * temporary file, fsync, rename, fsync of the folder (rename(2)). Missing folders are made, readable by the owner only.
 * TemporaryError when the disk takes nothing.
 */
export function replaceFile(path: string, content: string | Uint8Array, mode = 0o600): void {
  const temporary = `${path}.new`;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeAsOwner(temporary, content, mode);
    renameSync(temporary, path);
    const handle = openSync(dirname(path), 'r');
    try {
      fsyncSync(handle);
    } finally {
      closeSync(handle);
    }
  } catch (cause) {
    const why = whyNotWritable(cause);
    if (why === undefined) throw cause;
    throw new TemporaryError(`${path} cannot be written: ${why}`, { cause, hint: MAKE_ROOM });
  }
}

/**
 * Writes a file from its beginning. What root writes into the folder of another user belongs to that one, as the agent has a
 * user of its own and could not read it otherwise; and a link that this one put there is not followed.
 */
export function writeAsOwner(path: string, content: string | Uint8Array, mode: number, synced = true): void {
  const folder = process.getuid?.() === 0 ? statSync(dirname(path)) : undefined;
  const owner = folder?.uid === 0 ? undefined : folder;
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC;
  const file = openSync(path, owner === undefined ? flags : flags | constants.O_NOFOLLOW, mode);
  try {
    if (owner !== undefined) fchownSync(file, owner.uid, owner.gid);
    writeFileSync(file, content);
    if (synced) fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** The content of a file; undefined when there is none. Other errors are thrown. */
export function readFileIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * Why a disk took nothing, from what was thrown: full, over quota, read-only or failing. Undefined for every other error.
 * LevelDB has no codes, only texts (strerror(3)).
 */
export function whyNotWritable(error: unknown): string | undefined {
  const message = messageOf(error);
  return /No space left|no space left|read-only file system|Read-only file system|quota exceeded/.test(
    message,
  )
    ? message
    : undefined;
}

/** TemporaryError when a folder cannot be written, or has less room than `bytes`. */
export function mustBeWritable(folder: string, bytes: number): void {
  const { bavail, bsize } = statfsSync(folder);
  if (bavail * bsize < bytes) {
    throw new TemporaryError(`no space left on the disk of ${folder}`);
  }
  const probe = join(folder, 'PROBE');
  try {
    closeSync(openSync(probe, 'w', 0o600));
    rmSync(probe);
  } catch (cause) {
    throw new TemporaryError(`${folder} cannot be written: ${messageOf(cause)}`, { cause });
  }
}
