import type { PeerKey } from '../../policy/crypto.ts';
import type { PeerState } from '../peer-view.ts';

/** What is known of one member when links are chosen. */
export interface LinkFacts {
  readonly peer: PeerKey;
  readonly connected: boolean;
  /** Age of the connection, milliseconds; undefined without one. */
  readonly ageMs: number | undefined;
  /** Payload bytes in and out since the last look, keep-alives not counted as far as possible. */
  readonly bytes: number;
  /** So many members are heard over this one alone. */
  readonly soleFor: number;
  readonly state: PeerState;
  /** Not heard of for so long that its eviction is proposed. */
  readonly absent: boolean;
}

/**
 * Why there is a link, or none. Wanted: the home is small (`all`), others are heard over it alone (`required`), it is
 * young or yet to be made, so nothing is known of its use (`new`), it carries much (`useful`), it was drawn (`random`).
 * Not wanted: others carry more (`surplus`), the member is down (`dead`) or was not heard of for months (`absent`).
 */
export type LinkReason = 'all' | 'required' | 'new' | 'useful' | 'random' | 'surplus' | 'dead' | 'absent';

/** True for the reasons for which a link is made and kept. */
export function isWanted(reason: LinkReason): boolean {
  return reason !== 'surplus' && reason !== 'dead' && reason !== 'absent';
}

/** True for a member that is not to be expected at the other end. */
export function isDead(state: PeerState): boolean {
  return state === 'down' || state === 'pruned' || state === 'left';
}

export interface LinkChoiceOptions {
  /** Up to so many routers, ourselves counted, everybody is linked with everybody. */
  readonly fullMesh: number;
  /** Above, each wants so many links. */
  readonly target: number;
  /** 0 ≤ random < 1. */
  readonly random: () => number;
}

/** What one look came to. */
export interface LinkPlan {
  /** Of every member that the look was told of. */
  readonly reasons: Map<PeerKey, LinkReason>;
  /** Links to close now. The other side is to be told (see {@link LinkChoice.parted}). */
  readonly close: readonly PeerKey[];
}

/** A link so young has not shown its use, milliseconds. */
const NEW_MS = 120_000;
/** At most one link is closed in so long, milliseconds; more only above twice the target. */
const CLOSE_MS = 30_000;
/** The random share is drawn again so often, milliseconds. */
export const REDRAW_MS = 600_000;
/** Who closed a link, or was told so, does not ask for it again before, milliseconds. */
const AVOID_MS = 600_000;
/** A link that came back although we closed it is wanted over there: it is left alone so long, milliseconds. */
const KEPT_MS = 3_600_000;
/**
 * A member that was chosen and did not answer in so long, or parted so long ago, makes room for another, milliseconds. Who parted
 * has enough links, and so may the next: where all have, each look would make one more, for nothing.
 */
const FILL_MS = 10_000;
/** So many links to members that should answer are sought at a time: when all start together, each also gets what the others seek. */
const MAX_FILLING = 2;
/** What a link carried counts half after so long, milliseconds. */
const USE_HALF_MS = 300_000;

/**
 * Which members to be linked with: pure, told the time and the chance. Small homes: all. Above: `target` links, and one is
 * closed only above one and a half times as many, so that the end that loses it, and seeks another, does not push a third
 * over its measure. Never more than twice the target, unless that many are required.
 *
 * A quarter of the target is drawn from all members and drawn again every ten minutes, whatever the links carry: two random
 * links each make a graph that is almost surely connected (random k-out graphs: Fenner and Frieze, Combinatorica 2, 1982).
 */
export class LinkChoice {
  readonly #options: LinkChoiceOptions;
  #drawn: PeerKey[] = [];
  #redrawAt = Number.NEGATIVE_INFINITY;
  /** Members without a link that one is sought with, and since when. */
  #filling = new Map<PeerKey, number>();
  /** When a link was closed as surplus, by either side. */
  readonly #closedAt = new Map<PeerKey, number>();
  readonly #keptUntil = new Map<PeerKey, number>();
  /** Bytes that count half after {@link USE_HALF_MS}. */
  #use = new Map<PeerKey, number>();
  #lookedAt: number | undefined;
  #nextCloseAt = Number.NEGATIVE_INFINITY;

  constructor(options: LinkChoiceOptions) {
    this.#options = options;
  }

  /** The other side says that it closes the link as surplus: we do not ask for it again for ten minutes. */
  parted(peer: PeerKey, now: number): void {
    this.#closedAt.set(peer, now);
  }

  /** To be called about once a second with every member but ourselves. `now`: monotonic milliseconds. */
  look(now: number, members: readonly LinkFacts[]): LinkPlan {
    const { fullMesh, target } = this.#options;
    const facts = members.filter((one) => one.connected || one.state !== 'left');
    this.#remember(now, facts);
    const expected = count(facts, (one) => one.connected || !one.absent);
    const live = count(facts, isLive);
    const small = expected < fullMesh;
    const tooFew = live < Math.max(1, Math.min(target, expected));
    if (!small) {
      this.#draw(now, facts);
      this.#fill(now, facts);
    }
    const drawn = new Set(this.#drawn);
    const reasons = new Map<PeerKey, LinkReason>();
    for (const one of members) {
      const all = one.connected || (one.state !== 'left' && (tooFew || !one.absent));
      reasons.set(
        one.peer,
        small ? (all ? 'all' : one.absent ? 'absent' : 'dead') : this.#reason(now, one, drawn),
      );
    }
    return { reasons, close: small ? [] : this.#judge(now, facts, reasons) };
  }

  #remember(now: number, facts: readonly LinkFacts[]): void {
    const half = 0.5 ** ((now - (this.#lookedAt ?? now)) / USE_HALF_MS);
    this.#lookedAt = now;
    for (const [peer, at] of this.#closedAt) if (now - at >= AVOID_MS) this.#closedAt.delete(peer);
    for (const [peer, until] of this.#keptUntil) if (now >= until) this.#keptUntil.delete(peer);
    const before = this.#use;
    this.#use = new Map();
    for (const { peer, connected, ageMs = 0, bytes } of facts) {
      if (!connected) continue;
      this.#use.set(peer, (before.get(peer) ?? 0) * half + bytes);
      const closedAt = this.#closedAt.get(peer);
      if (closedAt === undefined || ageMs >= now - closedAt) continue;
      this.#closedAt.delete(peer);
      this.#keptUntil.set(peer, now + KEPT_MS);
    }
  }

  /** Draws anew when it is time, and in place of who cannot be had. */
  #draw(now: number, facts: readonly LinkFacts[]): void {
    const { target, random } = this.#options;
    if (now >= this.#redrawAt) {
      this.#drawn = [];
      this.#redrawAt = now + REDRAW_MS * (0.75 + 0.5 * random());
    }
    const before = new Set(this.#drawn);
    this.#drawn = facts
      .filter((one) => before.has(one.peer) && (this.#isToBeHad(one) || this.#hasJustParted(now, one)))
      .map((one) => one.peer);
    const missing = Math.ceil(target / 4) - this.#drawn.length;
    if (missing <= 0) return;
    // With too many links already, of those that there are.
    const isFull = count(facts, (one) => one.connected) >= this.#most;
    const free = facts.filter(
      (one) => this.#isToBeHad(one) && !before.has(one.peer) && (one.connected || !isFull),
    );
    this.#drawn.push(...sample(free, missing, random).map((one) => one.peer));
  }

  /** Seeks what is missing up to the target: among those that should answer, and only then among the others. */
  #fill(now: number, facts: readonly LinkFacts[]): void {
    const { target, random } = this.#options;
    const drawn = new Set(this.#drawn);
    const before = this.#filling;
    this.#filling = new Map();
    for (const one of facts) {
      const since = this.#hasJustParted(now, one) ? before.get(one.peer) : undefined;
      if (since !== undefined) this.#filling.set(one.peer, since);
    }
    const isSought = ({ peer, connected }: LinkFacts) =>
      connected || drawn.has(peer) || this.#filling.has(peer);
    const missing = target - count(facts, isSought);
    if (missing <= 0) return;
    const free = facts.filter((one) => !isSought(one) && !this.#hasJustParted(now, one));
    const isPending = (one: LinkFacts) => now - (before.get(one.peer) ?? Number.NEGATIVE_INFINITY) < FILL_MS;
    const seek = (from: LinkFacts[], max: number) => {
      const pending = from.filter(isPending).slice(0, max);
      const others = from.filter((one) => !isPending(one));
      for (const { peer } of pending) this.#filling.set(peer, before.get(peer) ?? now);
      for (const { peer } of sample(others, max - pending.length, random)) this.#filling.set(peer, now);
    };
    const good = free.filter((one) => this.#isToBeHad(one));
    seek(good, Math.max(0, Math.min(missing, MAX_FILLING - this.#filling.size)));
    if (missing > good.length)
      seek(
        free.filter((one) => !this.#isToBeHad(one)),
        missing - good.length,
      );
  }

  /** Marks as surplus what carries least above the target, and answers what is to be closed. */
  #judge(now: number, facts: readonly LinkFacts[], reasons: Map<PeerKey, LinkReason>): PeerKey[] {
    const links = facts.filter((one) => one.connected);
    // Most used first; of two that carried the same the older stays.
    const byUse = links
      .filter((one) => reasons.get(one.peer) === 'useful')
      .sort((a, b) => this.#used(b) - this.#used(a) || (b.ageMs ?? 0) - (a.ageMs ?? 0));
    const room = Math.max(0, this.#options.target - (links.length - byUse.length));
    const surplus = byUse.slice(room).reverse();
    for (const one of surplus) reasons.set(one.peer, 'surplus');
    return this.#closing(now, links, surplus, reasons);
  }

  #reason(now: number, one: LinkFacts, drawn: ReadonlySet<PeerKey>): LinkReason {
    if (!one.connected) {
      const isSought = !this.#hasJustParted(now, one);
      if (isSought && drawn.has(one.peer)) return 'random';
      if (isSought && this.#filling.has(one.peer)) return 'new';
      return one.absent ? 'absent' : isDead(one.state) ? 'dead' : 'surplus';
    }
    if (one.soleFor > 0) return 'required';
    if ((one.ageMs ?? 0) < NEW_MS) return 'new';
    return drawn.has(one.peer) ? 'random' : 'useful';
  }

  #closing(
    now: number,
    links: readonly LinkFacts[],
    surplus: readonly LinkFacts[],
    reasons: Map<PeerKey, LinkReason>,
  ): PeerKey[] {
    const { target } = this.#options;
    const close = new Set<PeerKey>();
    const idle = surplus.find((one) => !this.#keptUntil.has(one.peer));
    if (links.length > this.#most && now >= this.#nextCloseAt && idle !== undefined) {
      close.add(idle.peer);
      this.#nextCloseAt = now + CLOSE_MS;
    }
    // Above the bound nothing helps but to close what costs least: surplus, then the youngest.
    const young = links
      .filter((one) => reasons.get(one.peer) !== 'required')
      .sort((a, b) => (a.ageMs ?? 0) - (b.ageMs ?? 0));
    for (const one of [...surplus, ...young]) {
      if (links.length - close.size <= 2 * target) break;
      close.add(one.peer);
    }
    for (const peer of close) {
      this.#closedAt.set(peer, now);
      reasons.set(peer, 'surplus');
    }
    return [...close];
  }

  /** Above so many links one is closed now and then. */
  get #most(): number {
    return Math.ceil(1.5 * this.#options.target);
  }

  #hasJustParted(now: number, { peer, connected }: LinkFacts): boolean {
    return !connected && now - (this.#closedAt.get(peer) ?? Number.NEGATIVE_INFINITY) < FILL_MS;
  }

  /** Who should answer, and did not part from us lately. */
  #isToBeHad(one: LinkFacts): boolean {
    return isLive(one) && !this.#closedAt.has(one.peer);
  }

  #used(one: LinkFacts): number {
    return this.#use.get(one.peer) ?? 0;
  }
}

function isLive(one: LinkFacts): boolean {
  return one.connected || (!one.absent && !isDead(one.state));
}

function count(facts: readonly LinkFacts[], is: (one: LinkFacts) => boolean): number {
  return facts.reduce((sum, one) => sum + (is(one) ? 1 : 0), 0);
}

/** So many of them, each as likely as any other. Shuffles what it is given. */
function sample<T>(from: T[], count: number, random: () => number): T[] {
  const taken = Math.min(Math.max(0, count), from.length);
  for (let i = 0; i < taken; i++) {
    const j = i + Math.floor(random() * (from.length - i));
    const [a, b] = [from[i], from[j]];
    if (a !== undefined && b !== undefined) [from[i], from[j]] = [b, a];
  }
  return from.slice(0, taken);
}
