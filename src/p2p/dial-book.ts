import type { PeerKey } from '../policy/crypto.ts';
import { isOutside, type PeerAddress, parseAddress } from './addresses.ts';

/** One attempt to make. */
export interface Attempt {
  /** The target's name in the book. */
  readonly target: string;
  readonly peer: PeerKey | undefined;
  readonly address: string;
}

/** What came of an attempt. */
export type Outcome =
  | { readonly kind: 'answered'; readonly peer: PeerKey }
  /** We answered ourselves. */
  | { readonly kind: 'self' }
  | { readonly kind: 'failed' };

/** Members are dialled every 0.5 to 1 s for ever, from the start of one attempt to the start of the next. */
const MIN_PAUSE_MS = 500;
const MAX_PAUSE_MS = 1_000;
const OUTSIDE_PAUSE_MS = 5_000;
/** An address that turned out to be our own may be another's later. */
const SELF_PAUSE_MS = 60_000;
/** The higher key leaves the first attempts to the lower one (60 duplicate connections became 8). */
const HIGHER_WAITS_MS = 2_000;
const MAX_ADDRESSES = 8;
/** After so many failures in a row an address is no longer taken for the peer that answered there. */
const STALE_ATTEMPTS = 8;

interface Target {
  nextAt: number;
  running: boolean;
  attempts: number;
}

/** Whom to dial where and when: pure, told the time; redial.ts does it. */
export class DialBook {
  readonly #self: PeerKey;
  readonly #random: () => number;
  readonly #bootstrap: readonly PeerAddress[];
  /** Where a peer can be reached: what worked last comes first, what it only announced comes behind. */
  readonly #addresses = new Map<PeerKey, string[]>();
  /** Who answered at an address that names nobody. */
  readonly #answered = new Map<string, PeerKey>();
  readonly #targets = new Map<string, Target>();
  /** When a connection to the peer was lost. */
  readonly #lostAt = new Map<PeerKey, number>();
  readonly #beganAt: number;

  constructor(self: PeerKey, bootstrap: readonly PeerAddress[], now: number, random: () => number) {
    this.#self = self;
    this.#bootstrap = bootstrap;
    this.#random = random;
    this.#beganAt = now;
    for (const address of bootstrap)
      if (address.peer !== undefined) this.announced(address.peer, [address.text]);
  }

  /** The address at which a peer answered last. */
  addressOf(peer: PeerKey): string | undefined {
    return this.#addresses.get(peer)?.[0];
  }

  /** A peer says that it listens there: behind what is known to work. Anything that cannot be dialled is left out. */
  announced(peer: PeerKey, texts: readonly string[]): void {
    const known = this.#addresses.get(peer) ?? [];
    const fresh = texts.map((text) => parseAddress(text)?.text).filter((text) => text !== undefined);
    const [best, ...rest] = known;
    const all = [...(best === undefined ? [] : [best]), ...fresh, ...rest];
    this.#addresses.set(peer, [...new Set(all)].slice(0, MAX_ADDRESSES));
  }

  /** A connection to the peer ended. */
  lost(peer: PeerKey, now: number): void {
    this.#lostAt.set(peer, now);
  }

  /** No member any more. */
  forget(peer: PeerKey): void {
    this.#addresses.delete(peer);
    this.#lostAt.delete(peer);
    this.#targets.delete(peer);
    for (const [address, answered] of this.#answered) if (answered === peer) this.#answered.delete(address);
  }

  /**
   * The attempts that are due; `wanted` are the peers without a connection. Each is begun with the call. `alone`: no
   * other can know our address yet, so there is nobody to leave the first attempt to.
   */
  due(now: number, wanted: readonly PeerKey[], max: number, alone = false): Attempt[] {
    const attempts: Attempt[] = [];
    const begin = (name: string, peer: PeerKey | undefined, addresses: readonly string[]) => {
      if (attempts.length >= max || addresses.length === 0) return;
      const target = this.#target(name);
      if (target.running || now < target.nextAt) return;
      const address = pick(addresses, target.attempts);
      target.running = true;
      target.attempts += 1;
      target.nextAt = now + this.#pause(address);
      attempts.push({ target: name, peer, address });
    };
    for (const peer of wanted) {
      const since = this.#lostAt.get(peer) ?? this.#beganAt;
      if (!alone && this.#self > peer && now < since + HIGHER_WAITS_MS) continue;
      begin(peer, peer, this.#addresses.get(peer) ?? []);
    }
    if (wanted.length === 0) return attempts;
    for (const address of this.#bootstrap) {
      // Who answers there is known: it is dialled by its name.
      if (address.peer === undefined && !this.#answered.has(address.text))
        begin(address.text, undefined, [address.text]);
    }
    return attempts;
  }

  ended(attempt: Attempt, outcome: Outcome, now: number): void {
    const target = this.#target(attempt.target);
    target.running = false;
    if (outcome.kind === 'self') target.nextAt = now + SELF_PAUSE_MS;
    // Somebody else may have the address by now: ask it again without a name.
    if (outcome.kind === 'failed' && target.attempts > STALE_ATTEMPTS) this.#answered.delete(attempt.address);
    if (outcome.kind !== 'answered') return;
    target.attempts = 0;
    const others = (this.#addresses.get(outcome.peer) ?? []).filter((text) => text !== attempt.address);
    this.#addresses.set(outcome.peer, [attempt.address, ...others].slice(0, MAX_ADDRESSES));
    if (attempt.peer === undefined) this.#answered.set(attempt.address, outcome.peer);
  }

  #target(name: string): Target {
    let target = this.#targets.get(name);
    if (target === undefined) {
      target = { nextAt: 0, running: false, attempts: 0 };
      this.#targets.set(name, target);
    }
    return target;
  }

  #pause(text: string): number {
    const address = parseAddress(text);
    if (address !== undefined && isOutside(address)) return OUTSIDE_PAUSE_MS;
    return MIN_PAUSE_MS + this.#random() * (MAX_PAUSE_MS - MIN_PAUSE_MS);
  }
}

/** Every other attempt goes to the best address, those between go through the rest. */
function pick(addresses: readonly string[], attempt: number): string {
  const rest = addresses.length - 1;
  const at = attempt % 2 === 0 || rest === 0 ? 0 : 1 + (((attempt - 1) / 2) % rest);
  return addresses[at] ?? addresses[0] ?? '';
}
