import type { Mac } from '../../policy/block-set.ts';
import type { PresenceClaim, Totals } from '../../policy/presence.ts';
import type { ToldClaim } from './presence-wire.ts';

/** The most devices that a router speaks of. */
export const MAX_CLAIMS = 4_096;
/** Totals are told anew when they have grown by both: so many bytes, and this part of what was told. */
const NOTICEABLE_BYTES = 64 * 1024;
const NOTICEABLE_PART = 1 / 64;
/** Heard of within so long counts as heard of now, milliseconds. */
const AWAKE_MS = 60_000;

interface Row {
  claim: PresenceClaim;
  /** To see whether its names or addresses have changed. */
  text: string;
  /** As it was told. */
  awake: boolean;
  /** The versions that last changed anything of it, and its names or addresses. */
  version: number;
  aboutAt: number;
}

/** What has changed since a link was last told; times are still this router's own. */
export interface News {
  /** All there is, not only what changed. */
  readonly anew: boolean;
  readonly claims: readonly { readonly claim: PresenceClaim; readonly withAbout: boolean }[];
  readonly gone: readonly Mac[];
  /** Devices that are spoken of in all. */
  readonly count: number;
  /** The cursor of a link that was told this. */
  readonly version: number;
}

/**
 * What we say of our devices, link by link: each has a cursor, and is told what changed after it. What changes all the time
 * (byte totals, when it was last heard) counts as changed only when it did so noticeably.
 */
export class PresenceFeed {
  readonly #rows = new Map<Mac, Row>();
  /** Devices that are no longer spoken of, oldest first, by the version that ended them. */
  readonly #gone = new Map<Mac, number>();
  /** Up to this version endings are forgotten: a link with an older cursor is told everything. */
  #forgotten = 0;
  #version = 1;
  /** The newest version in which a device came, went or was named. */
  #urgent = 1;
  /** Devices that did not fit, as of the newest look. */
  dropped = 0;

  /** Takes in what there is to say now. */
  take(claims: Iterable<PresenceClaim>, now: number): void {
    const next = this.#version + 1;
    const there = new Set<Mac>();
    this.dropped = 0;
    for (const claim of claims) {
      const [mac] = claim.about.macs;
      if (mac === undefined || there.has(mac)) continue;
      if (there.size >= MAX_CLAIMS) {
        this.dropped += 1;
        continue;
      }
      there.add(mac);
      this.#note(mac, claim, next, now);
    }
    for (const mac of this.#rows.keys()) {
      if (there.has(mac)) continue;
      this.#rows.delete(mac);
      this.#gone.set(mac, next);
      this.#version = this.#urgent = next;
    }
    for (const [mac, version] of this.#gone) {
      if (this.#gone.size <= MAX_CLAIMS) break;
      this.#gone.delete(mac);
      this.#forgotten = version;
    }
  }

  /** What a link with this cursor lacks (0: it was told nothing yet); undefined when nothing. */
  since(cursor: number): News | undefined {
    if (cursor >= this.#version) return undefined;
    const anew = cursor === 0 || cursor < this.#forgotten;
    const claims = [...this.#rows.values()]
      .filter(({ version }) => anew || version > cursor)
      .map(({ claim, aboutAt }) => ({ claim, withAbout: anew || aboutAt > cursor }));
    const gone = anew ? [] : [...this.#gone].filter(([, at]) => at > cursor).map(([mac]) => mac);
    return { anew, claims, gone, count: this.#rows.size, version: this.#version };
  }

  /** No device is spoken of. */
  get isEmpty(): boolean {
    return this.#rows.size === 0;
  }

  /** Whether what it lacks is more than totals that grew and devices that fell asleep. */
  isUrgent(cursor: number): boolean {
    return cursor < this.#urgent;
  }

  #note(mac: Mac, claim: PresenceClaim, next: number, now: number): void {
    const row = this.#rows.get(mac);
    const text = JSON.stringify([claim.about.addresses, claim.about.names]);
    const renamed = row?.text !== text;
    const moved = row === undefined || row.claim.stay?.since !== claim.stay?.since;
    const awake = claim.stay !== undefined && isAwake(now - claim.stay.seen);
    if (row !== undefined && !renamed && !moved && row.awake === awake) {
      if (!isNoticeable(row.claim.bytes, claim.bytes)) {
        // What was told stands; when everything is told its age is counted from here.
        row.claim = { ...row.claim, stay: claim.stay };
        return;
      }
    }
    this.#gone.delete(mac);
    const aboutAt = row === undefined || renamed ? next : row.aboutAt;
    this.#rows.set(mac, { claim, text, awake, version: next, aboutAt });
    this.#version = next;
    if (renamed || moved) this.#urgent = next;
  }
}

/** A claim with ages instead of times. */
export function told(
  { claim, withAbout }: { readonly claim: PresenceClaim; readonly withAbout: boolean },
  now: number,
): ToldClaim {
  const { about, stay, bytes } = claim;
  return {
    mac: about.macs[0] ?? '',
    about: withAbout ? { addresses: about.addresses, names: about.names } : undefined,
    stay: stay === undefined ? undefined : { sinceMs: now - stay.since, seenMs: now - stay.seen },
    bytes,
  };
}

/** Whether a device that was heard so long ago counts as heard now: then its age is not told with every frame it sends. */
export function isAwake(seenMs: number): boolean {
  return seenMs < AWAKE_MS;
}

function isNoticeable(before: Totals | undefined, after: Totals | undefined): boolean {
  if (before === undefined || after === undefined) return before !== after;
  const told = before.up + before.down;
  const grown = after.up + after.down - told;
  // A counter that began anew.
  if (after.up < before.up || after.down < before.down) return true;
  return grown >= NOTICEABLE_BYTES && grown >= told * NOTICEABLE_PART;
}
