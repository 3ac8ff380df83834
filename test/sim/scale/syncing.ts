import type { Clock, Timer } from '../../../src/clock.ts';
import type { ReplicatedOps, ReplicatedRegisters } from '../../../src/p2p/replicated.ts';
import { type SessionResult, syncSession } from '../../../src/p2p/sync/sync-session.ts';
import type { Channel } from '../../../src/p2p/sync/sync-talk.ts';
import type { PeerKey } from '../../../src/policy/crypto.ts';
import type { Wire } from './dial.ts';

export interface SyncingOptions {
  readonly self: PeerKey;
  readonly replica: ReplicatedOps;
  readonly registers: ReplicatedRegisters;
  readonly clock: Clock;
  /** Promises have something to go on with. */
  readonly unsettled: () => void;
  readonly wireTo: (peer: PeerKey) => Wire | undefined;
  /** Whether the peer's last word about its state equals ours now; undefined when it has not said. */
  readonly equal: (peer: PeerKey) => boolean | undefined;
  readonly late: (peer: PeerKey) => boolean;
  readonly onDone: (peer: PeerKey, result: SessionResult) => void;
}

/** As src/p2p/sync/sync.ts has them, milliseconds. */
const QUIET_MS = 250;
const BEHIND_MS = 50;
const MAX_PAUSE_MS = 30_000;

interface Partner {
  session: Stream | undefined;
  timer: Timer | undefined;
  inVain: number;
  lastEnd: number;
}

/** Messages of one session. */
class Stream implements Channel {
  readonly id: string;
  readonly initiated: boolean;
  readonly abort = new AbortController();
  readonly #wire: Wire;
  readonly #messages: (Uint8Array | undefined)[] = [];
  #changed = Promise.withResolvers<void>();

  constructor(id: string, initiated: boolean, wire: Wire) {
    this.id = id;
    this.initiated = initiated;
    this.#wire = wire;
  }

  async send(bytes: Uint8Array): Promise<void> {
    this.#wire.send({ kind: 'sync', session: this.id, bytes });
  }

  close(): void {
    this.#wire.send({ kind: 'sync', session: this.id, bytes: undefined });
  }

  arrived(bytes: Uint8Array | undefined): void {
    this.#messages.push(bytes);
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  async receive(): Promise<Uint8Array | undefined> {
    while (this.#messages.length === 0) await this.#changed.promise;
    return this.#messages.shift();
  }
}

/** When which session is begun, as src/p2p/sync/sync.ts decides it; what is said in one is the real thing. */
export class Syncing {
  readonly #options: SyncingOptions;
  readonly #partners = new Map<PeerKey, Partner>();
  #begun = 0;

  constructor(options: SyncingOptions) {
    this.#options = options;
  }

  /** Whoever dialled begins. */
  opened(peer: PeerKey, dialled: boolean): void {
    this.#partner(peer).inVain = 0;
    if (dialled) this.#begin(peer);
  }

  closed(peer: PeerKey): void {
    const partner = this.#partner(peer);
    partner.session?.abort.abort(new Error('the connection is gone'));
    this.#options.unsettled();
  }

  differs(peer: PeerKey): void {
    const { equal, late } = this.#options;
    if (!late(peer)) this.#later(peer, QUIET_MS, () => equal(peer) !== true && !late(peer));
  }

  behind(peer: PeerKey): void {
    this.#later(peer, BEHIND_MS, () => true);
  }

  equals(peer: PeerKey): void {
    this.#partner(peer).inVain = 0;
  }

  /** Something of a session arrived: perhaps its beginning. */
  message(peer: PeerKey, wire: Wire, session: string, bytes: Uint8Array | undefined): void {
    const partner = this.#partner(peer);
    if (partner.session?.id !== session) {
      if (bytes === undefined || session.startsWith(this.#options.self)) return;
      const ours = partner.session;
      // Both began at once: the lower key's session goes on.
      if (ours !== undefined && (!ours.initiated || this.#options.self < peer)) return;
      ours?.abort.abort(new Error('the other side began as well'));
      partner.session = new Stream(session, false, wire);
      this.#run(peer, partner, partner.session);
    }
    partner.session.arrived(bytes);
    this.#options.unsettled();
  }

  #later(peer: PeerKey, quietMs: number, wanted: () => boolean): void {
    const { clock } = this.#options;
    const partner = this.#partner(peer);
    if (partner.timer !== undefined || partner.session !== undefined) return;
    const pause = partner.inVain < 2 ? 0 : Math.min(MAX_PAUSE_MS, QUIET_MS * 2 ** (partner.inVain - 1));
    const wait = Math.max(quietMs, partner.lastEnd + pause - clock.monotonic());
    partner.timer = clock.after(wait, () => {
      partner.timer = undefined;
      if (wanted()) this.#begin(peer);
    });
  }

  #begin(peer: PeerKey): void {
    const partner = this.#partner(peer);
    const wire = this.#options.wireTo(peer);
    if (partner.session !== undefined || wire === undefined) return;
    partner.session = new Stream(`${this.#options.self}/${this.#begun++}`, true, wire);
    this.#run(peer, partner, partner.session);
  }

  #run(peer: PeerKey, partner: Partner, stream: Stream): void {
    const { replica, registers, clock, unsettled, onDone } = this.#options;
    const { signal } = stream.abort;
    syncSession(stream, { replica, registers, clock, signal }).then(
      (result) => {
        if (result.outcome !== 'failed') stream.close();
        const current = partner.session === stream;
        if (current) partner.session = undefined;
        partner.inVain = result.opsIn > 0 ? 0 : Math.min(partner.inVain + 1, 20);
        partner.lastEnd = clock.monotonic();
        if (current) onDone(peer, result);
      },
      (error: unknown) => {
        throw error;
      },
    );
    unsettled();
  }

  #partner(peer: PeerKey): Partner {
    let partner = this.#partners.get(peer);
    if (partner === undefined) {
      const lastEnd = Number.NEGATIVE_INFINITY;
      partner = { session: undefined, timer: undefined, inVain: 0, lastEnd };
      this.#partners.set(peer, partner);
    }
    return partner;
  }
}
