import type { Clock } from '../../clock.ts';
import type { PeerKey } from '../../policy/crypto.ts';
import type { AdmitVerdict, RegisterMark, ReplicatedOps, ReplicatedRegisters } from '../replicated.ts';
import { MAX_PAUSE_MS, type SendPace } from './sync-talk.ts';

/** Verifying yields to the rest of the process after so many milliseconds. */
const SLICE_MS = 10;
/** A peer that sends more ops which cannot be placed is lying. */
const MAX_REFUSED = 64;
/** A chunk of a member above its rate is followed by a pause of so many times what it took: a fifth of a core goes to it. */
const PAUSE_TIMES = 4;

/** The other side of a session, when it is metered (floods.ts). */
export interface Partner {
  readonly peer: PeerKey;
  /** It made us verify so many bytes of its own. True when it is above its rate. */
  readonly charge: (bytes: number) => boolean;
  /** It sent so many bytes that we hold already or have no use for. True when that is more than chance brings. */
  readonly wasted?: (bytes: number) => boolean;
  /** It brought an op of a router that was evicted; that is not taken. */
  readonly cut?: (envelope: Uint8Array) => void;
  /** What we may send it. */
  readonly pace?: SendPace;
}

export interface AdmissionCount {
  opsIn: number;
  /** Ops that we held already. */
  opsHeld: number;
  /** Ops that do not count here or could not be placed. */
  opsRefused: number;
  registersIn: number;
  /** Bytes of ops and registers, admitted or not. */
  bytesIn: number;
}

/** Brings chunks of one session into the replica, in slices. Throws an Error that says what the peer did wrong. */
export class Admission {
  readonly count: AdmissionCount = { opsIn: 0, opsHeld: 0, opsRefused: 0, registersIn: 0, bytesIn: 0 };
  readonly #replica: ReplicatedOps;
  readonly #registers: ReplicatedRegisters;
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  readonly #partner: Partner | undefined;
  /** Registers of which something was not admitted: their mark must not move. */
  readonly #incomplete = new Set<PeerKey>();
  #misplaced = 0;
  #sliceBegan: number;
  /** Of the chunk in hand: what verifying it took, milliseconds, and whether its sender is above its rate. */
  #tookMs = 0;
  #above = false;

  constructor(
    replica: ReplicatedOps,
    registers: ReplicatedRegisters,
    clock: Clock,
    signal: AbortSignal,
    partner?: Partner,
  ) {
    this.#replica = replica;
    this.#registers = registers;
    this.#clock = clock;
    this.#signal = signal;
    this.#partner = partner;
    this.#sliceBegan = clock.monotonic();
  }

  async ops(envelopes: readonly Uint8Array[]): Promise<void> {
    for (const envelope of envelopes) {
      await this.#breathe();
      this.count.bytesIn += envelope.length;
      const result = this.#timed(() => this.#replica.admit(envelope));
      const { verdict } = result;
      this.#charge(result, envelope.length);
      if (verdict === 'ok') this.count.opsIn += 1;
      else if (verdict === 'held') {
        this.count.opsHeld += 1;
        this.#waste(envelope.length);
      } else if (verdict === 'rubbish') throw new Error('sends ops that are rubbish');
      else {
        this.count.opsRefused += 1;
        // What an evicted author wrote may count there and not here: no fault of the sender.
        if (verdict === 'cut') this.#partner?.cut?.(envelope);
        else this.#misplaced += 1;
        if (this.#misplaced > MAX_REFUSED) throw new Error('sends ops that cannot be placed');
      }
    }
    await this.#slow();
  }

  /** `upTo`: with this chunk the registers of `peer` are complete up to there. Gossip may have run ahead of it. */
  async registers(
    peer: PeerKey,
    envelopes: readonly Uint8Array[],
    upTo: RegisterMark | undefined,
  ): Promise<void> {
    for (const envelope of envelopes) {
      await this.#breathe();
      this.count.bytesIn += envelope.length;
      const verdict = this.#timed(() => this.#registers.admit(envelope));
      if (verdict === 'rubbish') throw new Error('sends registers that are rubbish');
      if (verdict === 'ok') this.count.registersIn += 1;
      else {
        if (verdict !== 'held') this.#incomplete.add(peer);
        this.#waste(envelope.length);
      }
      if (verdict === 'ok' && peer === this.#partner?.peer && this.#partner.charge(envelope.length))
        this.#above = true;
    }
    await this.#slow();
    if (upTo !== undefined && !this.#incomplete.has(peer)) this.#registers.advance(peer, upTo);
  }

  /** A member pays for what is new of its own, and for what has no place here; not for what it passes on. */
  #charge(result: AdmitVerdict, bytes: number): void {
    if (this.#partner === undefined || result.verdict === 'held') return;
    if (result.verdict === 'ok' && result.op.peer !== this.#partner.peer) return;
    if (this.#partner.charge(bytes)) this.#above = true;
  }

  /** Other members bring the same now and then; one that does so without end pays as if it were its own. */
  #waste(bytes: number): void {
    if (this.#partner?.wasted?.(bytes) === true) this.#above = true;
  }

  #timed<T>(verify: () => T): T {
    const began = this.#clock.monotonic();
    const result = verify();
    this.#tookMs += this.#clock.monotonic() - began;
    return result;
  }

  /** Before the chunk is acknowledged, so that the window holds its sender back. */
  async #slow(): Promise<void> {
    const pauseMs = Math.min(MAX_PAUSE_MS, this.#tookMs * PAUSE_TIMES);
    const above = this.#above;
    this.#tookMs = 0;
    this.#above = false;
    if (above) await this.#clock.sleep(pauseMs, this.#signal);
  }

  /** Lets the rest of the process run between verifications (10,000 in a row took 331 ms). */
  async #breathe(): Promise<void> {
    this.#signal.throwIfAborted();
    if (this.#clock.monotonic() - this.#sliceBegan < SLICE_MS) return;
    await this.#clock.sleep(0, this.#signal);
    this.#sliceBegan = this.#clock.monotonic();
  }
}
