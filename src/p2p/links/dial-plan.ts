import type { PeerKey } from '../../policy/crypto.ts';
import { isOutside, type PeerAddress } from '../addresses.ts';
import type { PeerDatabase } from './peer-database.ts';

/**
 * How eagerly a member is dialled. `brisk`: a link is wanted; every 0.5 to 1 s. `beside`: the link there is has gone silent;
 * likewise, and at once. `slow`: it is dead and enough others are alive; every 2 s, doubling up to 5 min. Slow, but never
 * ending, because both halves of a split home hold each other for dead, and either has enough live members of its own.
 */
export type Pace = 'brisk' | 'beside' | 'slow';

/** A member to dial. */
export interface Wish {
  readonly peer: PeerKey;
  readonly pace: Pace;
}

/** One attempt to make. */
export interface Attempt {
  /** The target's name in the plan. */
  readonly target: string;
  readonly peer: PeerKey | undefined;
  readonly address: string;
  readonly deadlineMs: number;
  /** There is a connection already. */
  readonly beside: boolean;
}

/** What is to be dialled besides wishes, and how. */
export interface DialWays {
  readonly bootstrap: boolean;
  readonly alone: boolean;
  readonly linked: readonly PeerKey[];
}

/** What came of an attempt. */
export type Outcome =
  | { readonly kind: 'answered'; readonly peer: PeerKey }
  /** We answered ourselves. */
  | { readonly kind: 'self' }
  | { readonly kind: 'failed' };

/** From the start of one attempt to the start of the next, milliseconds, for ever. */
const MIN_PAUSE_MS = 500;
const MAX_PAUSE_MS = 1_000;
const OUTSIDE_PAUSE_MS = 5_000;
const FIRST_SLOW_MS = 2_000;
const LAST_SLOW_MS = 300_000;
/** An address that turned out to be our own may be another's later. */
const SELF_PAUSE_MS = 60_000;
/**
 * Kept short: a SYN that was sent into a cut, or lost, is not waited for when it could be sent again (TCP itself does that
 * after 1, 3 and 7 s: RFC 6298). Now and then longer, for a way on which an answer takes longer than that. Milliseconds.
 */
const DIAL_MS = 500;
const LONG_DIAL_MS = 1_500;
const LONG_EVERY = 8;
/** A handshake takes six round trips; outside the home each may take half a second. */
const OUTSIDE_DIAL_MS = 4_000;
/** The higher key leaves the first attempts to the lower one (60 duplicate connections became 8), milliseconds. */
const HIGHER_WAITS_MS = 2_000;
/** After a loss both know where the other is, and a refusal must be noticed soon. */
const HIGHER_WAITS_AGAIN_MS = 300;
/**
 * For so long after a loss attempts come quicker and are given up sooner: a member that was killed refuses the first one that
 * reaches its machine, and at 10 % loss every fifth does not, or the refusal is lost. Milliseconds.
 */
const MISSED_MS = 2_000;
const QUICK_MS = 250;
/** After so many failures in a row an address is no longer taken for the peer that answered there. */
const STALE_ATTEMPTS = 8;
/** After so many failures in a row a peer is taken for dead. */
const DEAD_ATTEMPTS = 3;

/** Where to dial. */
interface Place {
  readonly text: string;
  readonly outside: boolean;
}

interface Target {
  nextAt: number;
  running: boolean;
  /** In a row, without an answer. */
  attempts: number;
  failures: number;
  /** Of the failures, those at the slow pace. */
  slow: number;
  /** When the last connection with it ended. */
  lostAt: number;
}

/** Whom to dial when, at which of the addresses of the database: pure, told the time; dialler.ts does it. */
export class DialPlan {
  readonly #self: PeerKey;
  readonly #database: PeerDatabase;
  readonly #random: () => number;
  /** Addresses that name nobody. */
  readonly #bootstrap: readonly Place[];
  /** Who answered at them. */
  readonly #answered = new Map<string, PeerKey>();
  /** Of those, where nobody has answered for long: somebody else may be there by now. */
  readonly #stale = new Set<string>();
  readonly #targets = new Map<string, Target>();
  /** Where attempts run, and for which target: two dials of one machine would make two connections. */
  readonly #dialled = new Map<string, string>();
  /** Until when the lower key is left to dial. */
  readonly #lowerUntil = new Map<PeerKey, number>();

  constructor(
    self: PeerKey,
    database: PeerDatabase,
    bootstrap: readonly PeerAddress[],
    random: () => number,
  ) {
    this.#self = self;
    this.#database = database;
    this.#bootstrap = bootstrap
      .filter((address) => address.peer === undefined)
      .map((address) => ({ text: address.text, outside: isOutside(address) }));
    this.#random = random;
  }

  /** A connection to the peer ended. */
  lost(peer: PeerKey, now: number): void {
    this.#lowerUntil.set(peer, now + HIGHER_WAITS_AGAIN_MS);
    this.#target(peer).lostAt = now;
  }

  /** A connection with the peer opened, whoever dialled. */
  met(peer: PeerKey): void {
    for (const [address, answered] of this.#answered) if (answered === peer) this.#stale.delete(address);
    const target = this.#targets.get(peer);
    if (target !== undefined)
      Object.assign(target, { attempts: 0, failures: 0, slow: 0, nextAt: Number.NEGATIVE_INFINITY });
  }

  /** There is reason to try again at once: it is said to be somewhere else, or there is something to say to it. */
  retry(peer: PeerKey): void {
    const target = this.#targets.get(peer);
    if (target !== undefined) Object.assign(target, { nextAt: Number.NEGATIVE_INFINITY, slow: 0 });
  }

  /** It did not answer several times in a row. */
  unanswered(peer: PeerKey): boolean {
    return (this.#targets.get(peer)?.failures ?? 0) >= DEAD_ATTEMPTS;
  }

  /** No member any more. */
  forget(peer: PeerKey): void {
    this.#targets.delete(peer);
    this.#lowerUntil.delete(peer);
    for (const [address, name] of this.#dialled) if (name === peer) this.#dialled.delete(address);
    for (const [address, answered] of this.#answered) {
      if (answered !== peer) continue;
      this.#answered.delete(address);
      this.#stale.delete(address);
    }
  }

  /**
   * The attempts that are due, at most `max`. Each is begun with the call. `bootstrap`: also the addresses that name nobody,
   * but for those of `linked` peers: who answers there would be linked twice. `alone`: no other can know our address yet, so
   * there is nobody to leave the first attempt to.
   */
  due(
    now: number,
    wishes: readonly Wish[],
    { max, bootstrap, alone, linked }: DialWays & { readonly max: number },
  ): Attempt[] {
    const attempts: Attempt[] = [];
    for (const { peer, pace } of wishes) {
      if (attempts.length >= max) return attempts;
      if (!this.#isFree(peer, now)) continue;
      const place = pick(this.#database.addresses(peer, now), this.#target(peer).attempts);
      if (place === undefined || this.#dialled.has(place.text)) continue;
      if (pace !== 'beside' && !alone && this.#leaves(peer, now)) continue;
      attempts.push(this.#begin(now, peer, peer, place, pace));
    }
    for (const place of bootstrap ? this.#bootstrap : []) {
      if (attempts.length >= max) return attempts;
      // Who answers there is known: it is dialled by its name.
      if (this.#answered.has(place.text) && !this.#stale.has(place.text)) continue;
      if (linked.some((peer) => this.#database.best(peer, now) === place.text)) continue;
      if (this.#dialled.has(place.text) || !this.#isFree(place.text, now)) continue;
      attempts.push(this.#begin(now, place.text, undefined, place, 'brisk'));
    }
    return attempts;
  }

  ended(attempt: Attempt, outcome: Outcome, now: number): void {
    const target = this.#target(attempt.target);
    target.running = false;
    if (this.#dialled.get(attempt.address) === attempt.target) this.#dialled.delete(attempt.address);
    if (outcome.kind === 'self') target.nextAt = now + SELF_PAUSE_MS;
    if (outcome.kind === 'failed') {
      target.failures += 1;
      if (attempt.peer !== undefined) this.#database.failed(attempt.peer, attempt.address);
      if (target.failures >= STALE_ATTEMPTS && this.#answered.has(attempt.address))
        this.#stale.add(attempt.address);
    }
    if (outcome.kind !== 'answered') return;
    Object.assign(target, { attempts: 0, failures: 0, slow: 0 });
    this.#database.answered(outcome.peer, attempt.address, now);
    this.#stale.delete(attempt.address);
    if (attempt.peer === undefined) this.#answered.set(attempt.address, outcome.peer);
  }

  #begin(now: number, name: string, peer: PeerKey | undefined, place: Place, pace: Pace): Attempt {
    const target = this.#target(name);
    this.#dialled.set(place.text, name);
    target.running = true;
    target.attempts += 1;
    const quick = now - target.lostAt < MISSED_MS && !place.outside;
    target.nextAt = now + (quick ? QUICK_MS : this.#pause(target, place, pace));
    const inside = target.attempts % LONG_EVERY === 0 ? LONG_DIAL_MS : quick ? QUICK_MS : DIAL_MS;
    const deadlineMs = place.outside ? OUTSIDE_DIAL_MS : inside;
    return { target: name, peer, address: place.text, deadlineMs, beside: pace === 'beside' };
  }

  #pause(target: Target, place: Place, pace: Pace): number {
    if (pace === 'slow') {
      const pause = Math.min(LAST_SLOW_MS, FIRST_SLOW_MS * 2 ** Math.min(target.slow, 16));
      target.slow += 1;
      return pause * (0.75 + 0.5 * this.#random());
    }
    if (place.outside) return OUTSIDE_PAUSE_MS;
    return MIN_PAUSE_MS + this.#random() * (MAX_PAUSE_MS - MIN_PAUSE_MS);
  }

  /** True while the lower key is to dial: for a time after both can have come to know of each other. */
  #leaves(peer: PeerKey, now: number): boolean {
    const until = this.#lowerUntil.get(peer) ?? now + HIGHER_WAITS_MS;
    this.#lowerUntil.set(peer, until);
    return this.#self > peer && now < until;
  }

  #isFree(name: string, now: number): boolean {
    const target = this.#targets.get(name);
    return target === undefined || (!target.running && now >= target.nextAt);
  }

  #target(name: string): Target {
    let target = this.#targets.get(name);
    if (target === undefined) {
      const never = Number.NEGATIVE_INFINITY;
      target = { nextAt: never, running: false, attempts: 0, failures: 0, slow: 0, lostAt: never };
      this.#targets.set(name, target);
    }
    return target;
  }
}

/** Every other attempt goes to the best address, those between go through the rest. */
function pick(addresses: readonly Place[], attempt: number): Place | undefined {
  const rest = addresses.length - 1;
  const at = attempt % 2 === 0 || rest <= 0 ? 0 : 1 + (((attempt - 1) / 2) % rest);
  return addresses[at];
}
