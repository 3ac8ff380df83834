import type { Clock } from '../../clock.ts';
import type { PeerKey } from '../../policy/crypto.ts';

export interface LastHeardOptions {
  readonly clock: Clock;
  readonly clockTrusted: () => boolean;
  /** A member that was not heard for so long is absent, milliseconds. */
  readonly absentMs: number;
  /** What an earlier run saved; '' when there is nothing. */
  readonly load: () => string;
  readonly save: (text: string) => void;
}

/** When a member was admitted, as its op says. */
export interface Admission {
  /** Unix milliseconds by the author's clock, and whether that was trusted. */
  readonly at: number;
  readonly trusted: boolean;
}

/** All times are Unix milliseconds by a trusted clock. */
interface Entry {
  readonly heard: number | undefined;
  /** Since when this router has known of it. */
  readonly since: number;
}

interface Saved {
  /** The newest look, and since when there was never a day without one: nobody is absent because we were. */
  readonly looked: number;
  readonly awake: number;
  readonly entries: ReadonlyMap<PeerKey, Entry>;
}

const NOTHING: Saved = { looked: 0, awake: 0, entries: new Map() };

/** It is saved at most so often, milliseconds. */
const SAVE_EVERY_MS = 600_000;
/** More members are not kept track of. */
const MAX_PEERS = 1_000;
const DAY_MS = 86_400_000;

/**
 * When each member was last heard, over restarts of this agent. Only times of a trusted clock are written down. Nobody is called
 * absent by a clock that is not trusted, nor before this router has been looking for a day.
 */
export class LastHeard {
  readonly #options: LastHeardOptions;
  #now: Saved;
  /** The clock was trusted at the newest look. */
  #sure = false;
  #savedAt: number | undefined;
  /** Members beyond {@link MAX_PEERS}, at the last look. */
  dropped = 0;

  constructor(options: LastHeardOptions) {
    this.#options = options;
    this.#now = read(options.load());
  }

  /**
   * One look at the members besides ourselves, to be repeated every minute or so: how long ago each was heard, milliseconds; undefined for
   * not in this run. Others are forgotten.
   */
  look(members: ReadonlyMap<PeerKey, number | undefined>): void {
    const { clock, clockTrusted } = this.#options;
    this.#sure = clockTrusted();
    if (!this.#sure) return;
    const now = clock.now();
    this.dropped = Math.max(0, members.size - MAX_PEERS);
    const { looked, awake, entries } = this.#now;
    const slept = now < looked || now - looked >= DAY_MS;
    const next = new Map(
      [...members].slice(0, MAX_PEERS).map(([peer, agoMs]) => {
        const before = entries.get(peer);
        const heard = agoMs === undefined ? before?.heard : now - agoMs;
        // What an earlier run wrote down by a clock that ran ahead is not in the future any more.
        return [peer, { heard: heard && Math.min(heard, now), since: Math.min(before?.since ?? now, now) }];
      }),
    );
    this.#now = { looked: now, awake: slept ? now : awake, entries: next };
    const monotonic = clock.monotonic();
    if (this.#savedAt === undefined || monotonic - this.#savedAt >= SAVE_EVERY_MS) this.flush();
  }

  /** Saves now. */
  flush(): void {
    this.#savedAt = this.#options.clock.monotonic();
    const { looked, awake, entries } = this.#now;
    const peers = [...entries].map(([peer, { heard, since }]) => [peer, heard ?? 0, since]);
    this.#options.save(JSON.stringify({ looked, awake, peers }));
  }

  /** When a member was last heard, Unix milliseconds; undefined when it never was, as far as is known here. */
  of(peer: PeerKey): number | undefined {
    return this.#now.entries.get(peer)?.heard;
  }

  /** Whether a member was not heard for so long that it is not reckoned with. */
  absent(peer: PeerKey, admission: Admission | undefined): boolean {
    const { clock, clockTrusted, absentMs } = this.#options;
    const entry = this.#now.entries.get(peer);
    const now = clock.now();
    if (entry === undefined || !this.#sure || !clockTrusted() || now - this.#now.awake < DAY_MS) return false;
    const admitted = admission?.trusted === true ? admission.at : entry.since;
    return now - (entry.heard ?? Math.min(entry.since, admitted)) >= absentMs;
  }
}

/** What was saved; what cannot be read was nothing. Never throws. */
function read(text: string): Saved {
  if (text === '') return NOTHING;
  let saved: unknown;
  try {
    saved = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return NOTHING;
    throw error;
  }
  if (typeof saved !== 'object' || saved === null) return NOTHING;
  const { looked, awake, peers }: { looked?: unknown; awake?: unknown; peers?: unknown } = saved;
  if (!isTime(looked) || !isTime(awake) || !Array.isArray(peers)) return NOTHING;
  const entries = new Map<PeerKey, Entry>();
  for (const one of peers.slice(0, MAX_PEERS)) {
    if (!Array.isArray(one)) continue;
    const [peer, heard, since]: unknown[] = one;
    if (typeof peer !== 'string' || !/^[0-9a-f]{64}$/.test(peer) || !isTime(heard) || !isTime(since))
      continue;
    entries.set(peer, { heard: heard === 0 ? undefined : heard, since });
  }
  return { looked, awake, entries };
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= 8.64e15;
}
