import type { Liveness } from '../../../src/p2p/alive/liveness.ts';
import type { Wish } from '../../../src/p2p/links/dial-plan.ts';
import { isWanted, LinkChoice, type LinkFacts, type LinkReason } from '../../../src/p2p/links/link-choice.ts';
import type { PeerKey } from '../../../src/policy/crypto.ts';
import type { Random } from '../random.ts';
import type { Wire } from './dial.ts';

export interface ChosenLinksOptions {
  readonly others: readonly PeerKey[];
  readonly liveness: Liveness;
  readonly wires: ReadonlyMap<PeerKey, Wire>;
  /** Age of the connection with a peer, milliseconds; undefined without one. */
  readonly ageOf: (peer: PeerKey) => number | undefined;
  /** It did not answer several dials in a row. */
  readonly unanswered: (peer: PeerKey) => boolean;
  readonly fullMesh: number;
  readonly target: number;
  readonly random: Random;
}

/** Feeds the real link choice, and remembers what it wants. */
export class ChosenLinks {
  readonly #options: ChosenLinksOptions;
  readonly #choice: LinkChoice;
  readonly #useful = new Map<PeerKey, number>();
  readonly #beside = new Set<PeerKey>();
  #reasons: ReadonlyMap<PeerKey, LinkReason> = new Map();
  /** Worked out when something changed: at rest nobody is dialled. */
  #wishes: readonly Wish[] | undefined;

  constructor(options: ChosenLinksOptions) {
    const { fullMesh, target, random } = options;
    this.#options = options;
    this.#choice = new LinkChoice({ fullMesh, target, random: () => random.next() });
  }

  /** The links to close now. */
  look(now: number): readonly PeerKey[] {
    const { others, liveness, wires, ageOf, unanswered } = this.#options;
    const facts = others.map((peer): LinkFacts => {
      const wire = wires.get(peer);
      return {
        peer,
        connected: wire !== undefined,
        ageMs: ageOf(peer),
        bytes: this.#since(peer, wire),
        // Whom we hear over one member alone we cannot tell here: in the simulation everybody reaches everybody.
        soleFor: 0,
        state: wire === undefined && unanswered(peer) ? 'down' : liveness.of(peer).state,
        absent: false,
      };
    });
    const { reasons, close } = this.#choice.look(now, facts);
    this.#reasons = reasons;
    for (const peer of this.#beside) if (liveness.of(peer).state === 'alive') this.#beside.delete(peer);
    this.#wishes = undefined;
    return close;
  }

  /** Those without a link, because none is wanted: their silence means nothing (src/p2p/links/links.ts). */
  unsought(): readonly PeerKey[] {
    const { wires } = this.#options;
    const of = (peer: PeerKey, reason: LinkReason) =>
      !wires.has(peer) && (reason === 'surplus' || reason === 'absent');
    return [...this.#reasons].flatMap(([peer, reason]) => (of(peer, reason) ? [peer] : []));
  }

  /** Whom to dial, the most wanted first. */
  wishes(): readonly Wish[] {
    this.#wishes ??= [...this.#wish()];
    return this.#wishes;
  }

  *#wish(): Generator<Wish> {
    for (const peer of this.#beside) yield { peer, pace: 'beside' };
    const lacking = [...this.#reasons].filter(([peer]) => !this.#options.wires.has(peer));
    for (const [peer, reason] of lacking) if (isWanted(reason)) yield { peer, pace: 'brisk' };
    for (const [peer, reason] of lacking) if (reason === 'dead') yield { peer, pace: 'slow' };
  }

  /** Nothing comes on its link: another is dialled beside it. */
  suspect(peer: PeerKey): void {
    this.#beside.add(peer);
    this.#wishes = undefined;
  }

  /** A link was made or closed. */
  changed(peer: PeerKey): void {
    this.#beside.delete(peer);
    this.#wishes = undefined;
  }

  /** The other side says that it closes a link as surplus. */
  parted(peer: PeerKey, now: number): void {
    this.#choice.parted(peer, now);
  }

  #since(peer: PeerKey, wire: Wire | undefined): number {
    if (wire === undefined) {
      this.#useful.delete(peer);
      return 0;
    }
    const before = this.#useful.get(peer) ?? 0;
    this.#useful.set(peer, wire.useful);
    return Math.max(0, wire.useful - before);
  }
}
