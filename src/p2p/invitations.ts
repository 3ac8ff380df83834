import type { Clock } from '../clock.ts';
import { TemporaryError } from '../errors.ts';
import type { PeerKey } from '../policy/crypto.ts';
import { generateKey, type SigningKey } from './keys.ts';

/** An invitation that this router gave and that may still be used. */
export interface Invitation {
  /** The public half of the key that lets in once. */
  readonly key: PeerKey;
  /** Whoever comes with it becomes an admin. */
  readonly admin: boolean;
  /** Who invited, for the audit. */
  readonly by: string;
  /** When it ends by the wall clock, Unix milliseconds; undefined when that was not trusted: it ends with this run then. */
  readonly until: number | undefined;
}

export interface InvitationsOptions {
  readonly clock: Clock;
  readonly clockTrusted: () => boolean;
  /** Whether an op that counts has admitted somebody by this invitation. */
  readonly isUsed: (key: PeerKey) => boolean;
  /** What an earlier run saved; '' when there is nothing. */
  readonly load: () => string;
  readonly save: (text: string) => void;
}

/** More are never open at a time. */
const MAX_OPEN = 32;

interface Open extends Invitation {
  /** When it ends by this run's monotonic clock, milliseconds; undefined for one of an earlier run. */
  readonly endsAt: number | undefined;
}

/**
 * The invitations that are open on this router. In the run that gave one, the monotonic clock ends it; after a restart the wall
 * clock does, and while that is not trusted none of an earlier run is good. Each lets in one router.
 */
export class Invitations {
  readonly #options: InvitationsOptions;
  readonly #open = new Map<PeerKey, Open>();
  /** Being used now: a second one at the same time comes too late. */
  readonly #taken = new Set<PeerKey>();

  constructor(options: InvitationsOptions) {
    this.#options = options;
    for (const one of read(options.load())) this.#open.set(one.key, { ...one, endsAt: undefined });
  }

  /** Opens one. TemporaryError when too many are open. */
  issue({ admin, by, forMs }: { admin: boolean; by: string; forMs: number }): {
    key: SigningKey;
    until: number;
  } {
    const { clock, clockTrusted } = this.#options;
    this.#sweep();
    if (this.#open.size >= MAX_OPEN) {
      throw new TemporaryError(`${MAX_OPEN} invitations are open already`, {
        hint: 'wait until one is used or ends; hedgerow invite --withdraw ends them all',
      });
    }
    const key = generateKey();
    const until = clock.now() + forMs;
    const wall = clockTrusted() ? until : undefined;
    this.#open.set(key.peer, { key: key.peer, admin, by, until: wall, endsAt: clock.monotonic() + forMs });
    this.#save();
    return { key, until };
  }

  /** The invitation with this key, if it is good now. */
  find(key: PeerKey): Invitation | undefined {
    const open = this.#open.get(key);
    if (open === undefined || this.#taken.has(key) || !this.#isGood(open)) return undefined;
    return this.#options.isUsed(key) ? undefined : open;
  }

  /** Uses one: `admit` is what it lets do, and when that rejects it was not used. Undefined when it is not good. */
  async use<T>(key: PeerKey, admit: (invitation: Invitation) => Promise<T>): Promise<T | undefined> {
    const invitation = this.find(key);
    if (invitation === undefined) return undefined;
    this.#taken.add(key);
    try {
      const result = await admit(invitation);
      this.#open.delete(key);
      this.#save();
      return result;
    } finally {
      this.#taken.delete(key);
    }
  }

  /** Those that are good now. */
  list(): Invitation[] {
    return [...this.#open.keys()].flatMap((key) => this.find(key) ?? []);
  }

  /** Ends all of them; answers how many were good. */
  withdraw(): number {
    const count = this.list().length;
    this.#open.clear();
    this.#save();
    return count;
  }

  #isGood({ until, endsAt }: Open): boolean {
    const { clock, clockTrusted } = this.#options;
    if (endsAt !== undefined) return clock.monotonic() < endsAt;
    return until !== undefined && clockTrusted() && clock.now() < until;
  }

  /** What has ended goes; what only waits for a trusted clock stays. */
  #sweep(): void {
    for (const [key, open] of this.#open) {
      const waits = open.endsAt === undefined && !this.#options.clockTrusted();
      if (this.#options.isUsed(key) || (!waits && !this.#isGood(open))) this.#open.delete(key);
    }
  }

  #save(): void {
    const kept = [...this.#open.values()].filter(({ until }) => until !== undefined);
    this.#options.save(JSON.stringify(kept.map(({ key, admin, by, until }) => ({ key, admin, by, until }))));
  }
}

/** What was saved; what cannot be read was no invitation. Never throws. */
function read(text: string): Invitation[] {
  if (text === '') return [];
  try {
    const saved: unknown = JSON.parse(text);
    return Array.isArray(saved) ? saved.filter(isInvitation).slice(0, MAX_OPEN) : [];
  } catch (error) {
    if (error instanceof SyntaxError) return [];
    throw error;
  }
}

function isInvitation(value: unknown): value is Invitation {
  if (typeof value !== 'object' || value === null) return false;
  const { key, admin, by, until } = value as Partial<Record<keyof Invitation, unknown>>;
  const texts = typeof key === 'string' && /^[0-9a-f]{64}$/.test(key) && typeof by === 'string';
  return texts && typeof admin === 'boolean' && typeof until === 'number';
}
