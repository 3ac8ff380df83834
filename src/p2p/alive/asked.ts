import type { PeerKey } from '../../policy/crypto.ts';
import { type About, aboutWriter, MAX_ABOUT_BYTES } from './about-wire.ts';

/** What we know of a member that we hear ourselves, for those who ask. */
export interface Knowledge {
  readonly ageMs: number;
  /** Undefined or '' when it has not said. */
  readonly digest: string | undefined;
  readonly applied: string;
  /** Ops that reached its kernel after the first `told`, and how many it told of in all. */
  readonly recent: readonly string[];
  readonly told: number;
}

interface Told {
  readonly digest: string | undefined;
  readonly applied: string;
  readonly ops: number;
  /** When, on the clock of the link. */
  readonly at: number;
}

/** Tag and length of a witness inside its keep-alive, bytes. */
const FRAMING = 4;

/** Of which members one peer wants to hear, and what it was told of them and when. Told the time, milliseconds. */
export class Asked {
  readonly #told = new Map<PeerKey, Told | undefined>();
  /** When what was told longest ago was told: asked for at every tick of every link. */
  #earliest = Number.POSITIVE_INFINITY;

  /** All of them, in the order in which they were asked for. */
  get peers(): readonly PeerKey[] {
    return [...this.#told.keys()];
  }

  /** Its newest question, in place of the one before. Answers those that are new in it. */
  ask(peers: readonly PeerKey[]): PeerKey[] {
    const wanted = new Set(peers);
    for (const peer of this.#told.keys()) if (!wanted.has(peer)) this.#told.delete(peer);
    const fresh = [...wanted].filter((peer) => !this.#told.has(peer));
    for (const peer of fresh) this.#told.set(peer, undefined);
    this.#look();
    return fresh;
  }

  has(peer: PeerKey): boolean {
    return this.#told.has(peer);
  }

  /** Whether anything was told last at `since` or before. */
  hasTold(since: number): boolean {
    return this.#earliest <= since;
  }

  /**
   * What to say with the next frame: what was not said yet, kernels that changed, and what was said last at `since` or before.
   * At most {@link MAX_ABOUT_BYTES}; what does not fit is said with a later one.
   */
  answers(known: (peer: PeerKey, told: number) => Knowledge | undefined, at: number, since: number): About[] {
    const answers: About[] = [];
    let room = MAX_ABOUT_BYTES;
    for (const [peer, told] of this.#told) {
      const now = known(peer, told?.ops ?? 0);
      if (now === undefined) {
        // Nothing to tell for now: nothing is due either.
        if (told !== undefined) this.#told.set(peer, { ...told, at });
        continue;
      }
      const isNews = told === undefined || now.applied !== told.applied || now.recent.length > 0;
      if (!isNews && told.at > since) continue;
      const about: About = {
        peer,
        ageMs: now.ageMs,
        digest: now.digest === told?.digest ? undefined : now.digest,
        applied: now.applied === told?.applied ? undefined : now.applied,
        recent: now.recent,
      };
      room -= aboutWriter(about).length + FRAMING;
      if (room < 0) break;
      answers.push(about);
      this.#told.set(peer, { digest: now.digest, applied: now.applied, ops: now.told, at });
    }
    this.#look();
    return answers;
  }

  #look(): void {
    this.#earliest = Number.POSITIVE_INFINITY;
    for (const told of this.#told.values())
      if (told !== undefined && told.at < this.#earliest) this.#earliest = told.at;
  }
}
