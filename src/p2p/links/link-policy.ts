import type { PeerKey } from '../../policy/crypto.ts';
import { isDead, type LinkFacts } from './link-choice.ts';

/**
 * Which links that are alive and well are closed all the same: the application decides (seed 002, "cleaning up flows").
 * Both are off by default.
 */
export interface LinkLimits {
  /**
   * A link is closed that carried nothing but keep-alives for so long, milliseconds, also one that others are heard over
   * alone, and the last one in a small home. It is dialled again when there is something to say: an op of ours or one that
   * came from others, or when the other side dials. Until then that member is not heard directly, so what is said next comes
   * later by a dial and a sync: in a small home this limit costs latency and liveness, and saves little.
   */
  readonly maxIdleMs: number | undefined;
  /** A link is closed that is older, milliseconds; it is made anew if it is still wanted. */
  readonly maxAgeMs: number | undefined;
}

/**
 * Why a link ended: by these limits (`idle`, `age`) · others carry more (`surplus`) · nothing came for longer than the
 * tolerance (`silent`) · gossip did not run on it (`deaf`) · no member any more (`stranger`) · the other side said that it
 * closes it (`told`) · without a word (`lost`).
 */
export type CloseCause = 'idle' | 'age' | 'surplus' | 'silent' | 'deaf' | 'stranger' | 'told' | 'lost';

/** A link to be closed, and why, in words. */
export interface Outlived {
  readonly peer: PeerKey;
  readonly cause: 'idle' | 'age';
  readonly words: string;
}

/** What the overlay itself says on a link that nobody uses: gossip's heartbeat, yamux' pings and windows. Bytes a minute. */
const IDLE_BYTES = 1_024;
const MINUTE_MS = 60_000;

interface Use {
  /** When the link opened, as far as we can tell. */
  readonly openedAt: number;
  /** When the minute began that is being counted, and what it carried. */
  since: number;
  bytes: number;
  /** When the link last carried more than the overlay itself says. */
  usedAt: number;
}

/** Finds the links that are past a limit: pure, told the time. */
export class LinkPolicy {
  readonly #limits: LinkLimits;
  #uses = new Map<PeerKey, Use>();

  constructor(limits: LinkLimits) {
    this.#limits = limits;
  }

  /** The one link that is to be closed now. To be called every second or so with the bytes since the last call. */
  look(now: number, facts: readonly LinkFacts[]): Outlived | undefined {
    const links = facts.filter((one) => one.connected);
    this.#uses = new Map(links.map((one) => [one.peer, this.#counted(now, one)]));
    for (const { peer, ageMs = 0 } of links) {
      const { maxIdleMs, maxAgeMs } = this.#limits;
      const idleMs = now - (this.#uses.get(peer)?.usedAt ?? now);
      if (maxIdleMs !== undefined && idleMs >= maxIdleMs)
        return { peer, cause: 'idle', words: `idle for ${inWords(maxIdleMs)}` };
      if (maxAgeMs !== undefined && ageMs >= maxAgeMs)
        return { peer, cause: 'age', words: `older than ${inWords(maxAgeMs)}` };
    }
    return undefined;
  }

  #counted(now: number, { peer, ageMs = 0, bytes }: LinkFacts): Use {
    const openedAt = now - ageMs;
    const before = this.#uses.get(peer);
    // Opened since the last look: another link.
    if (before === undefined || openedAt > before.openedAt + 1)
      return { openedAt, since: now, bytes: 0, usedAt: openedAt };
    const use = now - before.since >= MINUTE_MS ? { ...before, since: now, bytes: 0 } : { ...before };
    use.bytes += bytes;
    if (bytes > 0 && use.bytes > IDLE_BYTES) use.usedAt = now;
    return use;
  }
}

/**
 * Whether to ask the addresses of which nobody knows who answers there. `joining`: we know nobody better. `few`: of the
 * members known fewer are alive than there would be links in a small home, or than there are members. Otherwise whoever is
 * missed is found by those that are there (seed 003: "use the server as a bootstrap node", and no more). In a larger home who has an
 * address and was not sought in vain counts as well: asking everywhere makes links with all of them, most to be closed again.
 */
export function whyBootstrap(
  facts: readonly LinkFacts[],
  fullMesh: number,
  joining: boolean,
): 'joining' | 'few' | undefined {
  if (facts.length === 0) return undefined;
  if (joining) return 'joining';
  const expected = facts.filter((one) => one.connected || !one.absent);
  const isLarge = expected.length >= fullMesh;
  const live = expected.filter(
    ({ connected, state }) =>
      connected || state === 'alive' || state === 'suspect' || (isLarge && !isDead(state)),
  );
  return live.length < Math.max(1, Math.min(fullMesh, expected.length)) ? 'few' : undefined;
}

function inWords(ms: number): string {
  const minutes = Math.round(ms / MINUTE_MS);
  if (ms < 2 * MINUTE_MS) return `${ms / 1_000} s`;
  return minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
}
