import type { PeerKey } from '../policy/crypto.ts';
import type { AliveFrame } from './alive/alive-wire.ts';
import type { Enforcement } from './alive/enforcement.ts';

/** What was last heard of one peer. */
export interface PeerFacts {
  readonly digest: string | undefined;
  readonly registersDigest: string | undefined;
  /** Ops that it holds. */
  readonly changes: number | undefined;
  /** Whether it blocks what is decided. */
  readonly enforcement: Enforcement | undefined;
  readonly rttMs: number | undefined;
  /** Where its newest connection stands or stood. */
  readonly address: string | undefined;
  readonly lastError: string | undefined;
}

const NOTHING: PeerFacts = {
  digest: undefined,
  registersDigest: undefined,
  changes: undefined,
  enforcement: undefined,
  rttMs: undefined,
  address: undefined,
  lastError: undefined,
};
const MAX_PEERS = 4_096;
const MAX_ERROR = 200;

/** The last word of every peer: for deciding whether to sync, and for views. */
export class PeerFactsTable {
  readonly #facts = new Map<PeerKey, PeerFacts>();

  of(peer: PeerKey): PeerFacts {
    return this.#facts.get(peer) ?? NOTHING;
  }

  /** A keep-alive of the peer itself. */
  frame(peer: PeerKey, frame: AliveFrame, rttMs: number | undefined): void {
    const before = this.of(peer);
    const { digest, registersDigest, enforcement } = frame;
    const changes = frame.changes === 0 ? undefined : frame.changes;
    const said = { digest, registersDigest, changes, enforcement, rttMs: rttMs ?? before.rttMs };
    this.#set(peer, { ...before, ...said });
  }

  /** Another member told of its digest. Its registers and its ops are only told by itself. */
  told(peer: PeerKey, digest: string): void {
    const before = this.of(peer);
    if (before.digest === digest) return;
    this.#set(peer, { ...before, digest, registersDigest: undefined, changes: undefined });
  }

  connected(peer: PeerKey, address: string): void {
    this.#set(peer, { ...this.of(peer), address, lastError: undefined });
  }

  failed(peer: PeerKey, error: string): void {
    this.#set(peer, { ...this.of(peer), lastError: error.slice(0, MAX_ERROR) });
  }

  /** What it said of its state does not hold any more. */
  down(peer: PeerKey): void {
    const { address, lastError } = this.of(peer);
    this.#set(peer, { ...NOTHING, address, lastError });
  }

  forget(peer: PeerKey): void {
    this.#facts.delete(peer);
  }

  #set(peer: PeerKey, facts: PeerFacts): void {
    if (this.#facts.has(peer) || this.#facts.size < MAX_PEERS) this.#facts.set(peer, facts);
  }
}
