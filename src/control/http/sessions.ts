import { createHash, randomBytes } from 'node:crypto';
import type { Clock } from '../../clock.ts';

/** A session that nobody uses ends after this long; every use begins it anew. */
export const SESSION_MS = 7 * 24 * 3_600_000;
const MAX_SESSIONS = 100;

/** Somebody who is logged in. */
export interface Session {
  /** The name that was given at login. */
  readonly name: string;
}

interface Kept extends Session {
  /** Which password opened it. */
  readonly version: string;
  usedAt: number;
}

/**
 * Who is logged in, in memory: a restart of the agent ends all sessions, a change of the password too. Only hashes of the
 * tokens are kept. Beyond 100 the one that was used longest ago ends.
 */
export class Sessions {
  readonly #clock: Clock;
  readonly #version: () => string | undefined;
  /** By the hash of the token; the one that was used longest ago comes first. */
  readonly #kept = new Map<string, Kept>();

  /** @param version of the password that is in force */
  constructor(clock: Clock, version: () => string | undefined) {
    this.#clock = clock;
    this.#version = version;
  }

  get size(): number {
    return this.#kept.size;
  }

  /** Begins one. @returns its token, 256 random bits; undefined while there is no password */
  open(name: string): string | undefined {
    const version = this.#version();
    if (version === undefined) return undefined;
    const token = randomBytes(32).toString('base64url');
    this.#kept.set(keyOf(token), { name, version, usedAt: this.#clock.monotonic() });
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= MAX_SESSIONS) break;
      this.#kept.delete(oldest);
    }
    return token;
  }

  /** Uses one. Undefined when it has ended, or never was. */
  use(token: string): Session | undefined {
    const key = keyOf(token);
    const kept = this.#kept.get(key);
    if (kept === undefined) return undefined;
    const now = this.#clock.monotonic();
    this.#kept.delete(key);
    if (kept.version !== this.#version() || now - kept.usedAt >= SESSION_MS) return undefined;
    kept.usedAt = now;
    this.#kept.set(key, kept);
    return kept;
  }

  /** Ends one; harmless when there is none. */
  end(token: string): void {
    this.#kept.delete(keyOf(token));
  }
}

function keyOf(token: string): string {
  return createHash('sha256').update(token).digest('base64');
}
