import type { Log } from '../log.ts';
import { MAX_TOLERANCE_MS, MIN_TOLERANCE_MS } from '../p2p/alive/tolerances.ts';
import type { PeerKey } from '../policy/crypto.ts';
import { readForeignJson } from './foreign-json.ts';
import type { Tolerances } from './parts.ts';

export interface ToleranceBookOptions {
  /** What an earlier run saved; '' when there is nothing. */
  readonly load: () => string;
  readonly save: (text: string) => void;
  /** Puts one in force; `ms` undefined: the default. */
  readonly apply: (peer: PeerKey, ms: number | undefined) => void;
  /** Whoever is no member any more is forgotten with the next change. */
  readonly isMember: (peer: PeerKey) => boolean;
  readonly log: Log;
}

const MAX_ROUTERS = 4_096;

/** What people set of how long this router waits for others, as JSON: milliseconds by key. Rubbish is as good as nothing. */
export class ToleranceBook implements Tolerances {
  readonly #options: ToleranceBookOptions;
  readonly #set: Map<PeerKey, number>;

  constructor(options: ToleranceBookOptions) {
    this.#options = options;
    this.#set = new Map(readTolerances(options.load()));
  }

  read(): ReadonlyMap<PeerKey, number> {
    return this.#set;
  }

  set(peer: PeerKey, ms: number | undefined): void {
    const { save, apply, isMember, log } = this.#options;
    if (ms === undefined) this.#set.delete(peer);
    else this.#set.set(peer, ms);
    for (const other of this.#set.keys()) if (!isMember(other)) this.#set.delete(other);
    apply(peer, ms);
    log.info({ peer, ms: ms ?? 'default' }, 'this router waits for another one as it was told');
    save(JSON.stringify(Object.fromEntries(this.#set)));
  }
}

/** What {@link ToleranceBook} saved, without what is none. Never throws. */
export function readTolerances(text: string): [PeerKey, number][] {
  const value = readForeignJson(text)?.value;
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value)
    .filter(([peer, ms]: [string, unknown]) => /^[0-9a-f]{64}$/.test(peer) && isTolerance(ms))
    .slice(0, MAX_ROUTERS);
}

function isTolerance(ms: unknown): boolean {
  return typeof ms === 'number' && ms >= MIN_TOLERANCE_MS && ms <= MAX_TOLERANCE_MS;
}
