import { createHmac, randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import type { Clock } from '../clock.ts';
import { UsageError } from '../errors.ts';
import { replaceFile } from '../store/files.ts';
import { formatHash, type PasswordHash, parseHash } from './password-hash.ts';

/** Shorter passwords are refused when they are set (NIST SP 800-63B, 5.1.1.2). */
export const LEAST_CHARACTERS = 8;
/** No password is longer; what is longer is wrong without a look. */
const MOST_CHARACTERS = 256;
/** 16 MiB and 5 rounds: as strong as 128 MiB at once (OWASP, Password Storage), and small enough for a router. */
const COST = { log2N: 14, r: 8, p: 5 };
const HASH_BYTES = 32;
const SALT_BYTES = 16;
/** scrypt runs in the thread pool, which has four: the disk and the resolver need theirs. */
const MAX_RUNNING = 2;
const MAX_WAITING = 16;
const LOOK_EVERY_MS = 1_000;

/**
 * The one password of this router's doors (HTTP, MQTT on the network), hashed in a file of the state folder. A file that is
 * there and cannot be understood is a password that nobody knows: doors stay shut.
 */
export class PasswordFile {
  readonly #path: string;
  readonly #clock: Clock;
  /** A password that was right is known again by this, so that a client that calls every few seconds costs no scrypt. */
  readonly #key = randomBytes(32);
  readonly #waiting: (() => void)[] = [];
  #running = 0;
  #refused = 0;
  #lookedAt = Number.NEGATIVE_INFINITY;
  /** Which file it was: inode, time, size. */
  #file: string | undefined;
  #version: string | undefined;
  #hash: PasswordHash | undefined;
  #known: Buffer | undefined;

  constructor(path: string, clock: Clock) {
    this.#path = path;
    this.#clock = clock;
  }

  /** Whether there is one. Looks at the file, at most once a second. */
  isSet(): boolean {
    return this.version() !== undefined;
  }

  /** Another text after every change of the password; undefined while there is none. What was let in by another one ends. */
  version(): string | undefined {
    const now = this.#clock.monotonic();
    if (now - this.#lookedAt >= LOOK_EVERY_MS) {
      this.#lookedAt = now;
      this.#look();
    }
    return this.#version;
  }

  /** True while so many checks are under way that the next one is refused. */
  get busy(): boolean {
    return this.#running >= MAX_RUNNING && this.#waiting.length >= MAX_WAITING;
  }

  /** How many checks were refused because there were too many at a time. */
  get refused(): number {
    return this.#refused;
  }

  /** Whether this is the password; false also when none is set, and when too many are checked at a time ({@link busy}). */
  async check(password: string): Promise<boolean> {
    if (!this.isSet() || password.length > MOST_CHARACTERS) return false;
    if (this.#isKnown(password)) return true;
    if (this.busy) {
      this.#refused += 1;
      return false;
    }
    // Who waits is handed the place of who is done, so that nobody comes in between.
    if (this.#running >= MAX_RUNNING) await new Promise<void>((go) => this.#waiting.push(go));
    else this.#running += 1;
    try {
      if (this.#isKnown(password)) return true;
      const hash = this.#hash;
      if (hash === undefined) return false;
      const right = timingSafeEqual(await derive(password, hash, hash.hash.length), hash.hash);
      if (right && hash === this.#hash) this.#known = this.#mark(password);
      return right;
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }

  /** Sets it. UsageError when it is too short or too long, TemporaryError when the disk takes nothing. */
  async set(password: string): Promise<void> {
    if (password.length > MOST_CHARACTERS || [...password].length < LEAST_CHARACTERS) {
      throw new UsageError(`a password has ${LEAST_CHARACTERS} to ${MOST_CHARACTERS} characters`, {
        hint: 'a few words in a row are easy to remember and hard to guess',
      });
    }
    const salt = randomBytes(SALT_BYTES);
    const hash = await derive(password, { ...COST, salt }, HASH_BYTES);
    replaceFile(this.#path, `${formatHash({ ...COST, salt, hash })}\n`);
    this.#lookedAt = Number.NEGATIVE_INFINITY;
  }

  #look(): void {
    const file = whichFile(this.#path);
    if (file === this.#file) return;
    this.#file = file;
    this.#known = undefined;
    this.#hash = file === undefined ? undefined : readHash(this.#path);
    this.#version = file;
  }

  #isKnown(password: string): boolean {
    return this.#known !== undefined && timingSafeEqual(this.#mark(password), this.#known);
  }

  #mark(password: string): Buffer {
    return createHmac('sha256', this.#key).update(password.normalize('NFC')).digest();
  }
}

/** Inode, time and size of a file; undefined when there is none. */
function whichFile(path: string): string | undefined {
  try {
    const stat = statSync(path, { throwIfNoEntry: false });
    return stat && `${stat.ino}:${stat.mtimeMs}:${stat.size}`;
  } catch {
    // It may be there: a password that nobody knows.
    return 'unknown';
  }
}

function readHash(path: string): PasswordHash | undefined {
  try {
    return parseHash(readFileSync(path, 'latin1').slice(0, 1_024).trim());
  } catch {
    // Gone in the meantime, or not ours to read: the next look sees another file.
    return undefined;
  }
}

function derive(
  password: string,
  { log2N, r, p, salt }: Omit<PasswordHash, 'hash'>,
  length: number,
): Promise<Buffer> {
  const options = { N: 2 ** log2N, r, p, maxmem: 2 * 128 * 2 ** log2N * r };
  return new Promise((resolve, reject) => {
    // Normalised as RFC 8265, 4.2 says: the same keys on two machines give the same password.
    scrypt(password.normalize('NFC'), salt, length, options, (error, key) =>
      error === null ? resolve(key) : reject(error),
    );
  });
}
