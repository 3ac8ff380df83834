import type { Clock } from '../clock.ts';
import type { PeerKey } from '../policy/crypto.ts';
import type { RegisterMark, ReplicatedOps, ReplicatedRegisters } from './replicated.ts';

/** Verifying yields to the rest of the process after so many milliseconds. */
const SLICE_MS = 10;
/** A peer that sends more ops which cannot be placed is lying. */
const MAX_REFUSED = 64;

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
  /** Registers of which something was not admitted: their mark must not move. */
  readonly #incomplete = new Set<PeerKey>();
  #misplaced = 0;
  #sliceBegan: number;

  constructor(replica: ReplicatedOps, registers: ReplicatedRegisters, clock: Clock, signal: AbortSignal) {
    this.#replica = replica;
    this.#registers = registers;
    this.#clock = clock;
    this.#signal = signal;
    this.#sliceBegan = clock.monotonic();
  }

  async ops(envelopes: readonly Uint8Array[]): Promise<void> {
    for (const envelope of envelopes) {
      await this.#breathe();
      this.count.bytesIn += envelope.length;
      const { verdict } = this.#replica.admit(envelope);
      if (verdict === 'ok') this.count.opsIn += 1;
      else if (verdict === 'held') this.count.opsHeld += 1;
      else if (verdict === 'rubbish') throw new Error('sends ops that are rubbish');
      else {
        this.count.opsRefused += 1;
        // What an evicted author wrote may count there and not here: no fault of the sender.
        if (verdict !== 'cut') this.#misplaced += 1;
        if (this.#misplaced > MAX_REFUSED) throw new Error('sends ops that cannot be placed');
      }
    }
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
      const verdict = this.#registers.admit(envelope);
      if (verdict === 'rubbish') throw new Error('sends registers that are rubbish');
      if (verdict === 'ok') this.count.registersIn += 1;
      else if (verdict !== 'held') this.#incomplete.add(peer);
    }
    if (upTo !== undefined && !this.#incomplete.has(peer)) this.#registers.advance(peer, upTo);
  }

  /** Lets the rest of the process run between verifications (10,000 in a row took 331 ms). */
  async #breathe(): Promise<void> {
    this.#signal.throwIfAborted();
    if (this.#clock.monotonic() - this.#sliceBegan < SLICE_MS) return;
    await this.#clock.sleep(0, this.#signal);
    this.#sliceBegan = this.#clock.monotonic();
  }
}
