import { DialPlan, type Wish } from '../../../src/p2p/links/dial-plan.ts';
import { REDRAW_MS } from '../../../src/p2p/links/link-choice.ts';
import { PeerDatabase } from '../../../src/p2p/links/peer-database.ts';
import type { PeerKey } from '../../../src/policy/crypto.ts';
import type { Random } from '../random.ts';
import type { DialFailure } from './dial.ts';

const MAX_DIALS = 16;

export interface DiallingOptions {
  readonly self: PeerKey;
  readonly random: Random;
  readonly target: number;
  readonly dial: (
    peer: PeerKey,
    deadlineMs: number,
    ended: (failure: DialFailure | undefined) => void,
  ) => void;
}

/** Dials when the real plan says so. Every address is known when it is wanted, and is right: discovery is not simulated. */
export class Dialling {
  readonly #options: DiallingOptions;
  readonly #database: PeerDatabase;
  readonly #plan: DialPlan;
  #running = 0;
  dials = 0;

  constructor(options: DiallingOptions) {
    const { self, random, target } = options;
    const draw = () => random.next();
    this.#options = options;
    this.#database = new PeerDatabase({ links: target, redrawMs: REDRAW_MS, random: draw });
    this.#plan = new DialPlan(self, this.#database, [], draw);
  }

  lost(peer: PeerKey, now: number): void {
    this.#plan.lost(peer, now);
  }

  met(peer: PeerKey): void {
    this.#plan.met(peer);
  }

  retry(peer: PeerKey): void {
    this.#plan.retry(peer);
  }

  unanswered(peer: PeerKey): boolean {
    return this.#plan.unanswered(peer);
  }

  tick(now: number, wishes: readonly Wish[]): void {
    if (wishes.length === 0) return;
    for (const { peer } of wishes) this.#database.said(peer, 'mdns', [`/memory/${peer}`], now);
    const max = MAX_DIALS - this.#running;
    for (const attempt of this.#plan.due(now, wishes, { max, bootstrap: false, alone: false, linked: [] })) {
      const { peer } = attempt;
      if (peer === undefined) continue;
      this.#running += 1;
      this.dials += 1;
      this.#options.dial(peer, attempt.deadlineMs, (failure) => {
        this.#running -= 1;
        this.#plan.ended(
          attempt,
          failure === undefined ? { kind: 'answered', peer } : { kind: 'failed' },
          now,
        );
      });
    }
  }
}
