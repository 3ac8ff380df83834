import type { PeerKey } from '../policy/crypto.ts';
import type { HomeId } from '../policy/identity.ts';
import type { OpId } from '../policy/records.ts';

/** The heads of one actor, as sync compares them. */
export interface ActorHeads {
  readonly peer: PeerKey;
  readonly run: string;
  readonly heads: readonly { readonly id: OpId; readonly seq: number }[];
}

/** What became of a foreign op; the words are policy.md's. */
export type AdmitVerdict =
  | { readonly verdict: 'ok'; readonly op: { readonly peer: PeerKey } }
  | { readonly verdict: 'held' | 'gap' | 'stranger' | 'cut' | 'rubbish' };

/** What the overlay needs of the replica (policy/replica.ts). */
export interface ReplicatedOps {
  readonly home: HomeId;
  /** Ops held. */
  readonly size: number;
  /** The recovery key is a member that is on no router. */
  readonly genesis: { readonly recovery: PeerKey };
  /** Over the heads of what counts, 64 hex digits. */
  readonly digest: string;
  peerDigests(): ReadonlyMap<PeerKey, string>;
  heads(peers: Iterable<PeerKey>): readonly ActorHeads[];
  /** Ordered so that a receiver can admit one by one; `deferred` are authors of whom they are ahead of us. */
  missing(
    theirs: readonly ActorHeads[],
    peers: Iterable<PeerKey>,
  ): { readonly send: readonly OpId[]; readonly deferred: readonly PeerKey[] };
  envelope(id: OpId): Uint8Array | undefined;
  authorOf(id: OpId): PeerKey | undefined;
  /** Verifies and joins; never throws. */
  admit(envelope: Uint8Array): AdmitVerdict;
  isMember(peer: PeerKey): boolean;
  members(): readonly { readonly peer: PeerKey; readonly left?: boolean; readonly evicted?: unknown }[];
}

/** Up to where a replica holds the registers of a peer, in order. */
export interface RegisterMark {
  readonly gen: number;
  readonly rev: number;
}

/** What the overlay needs of the registers (policy/registers.ts). */
export interface ReplicatedRegisters {
  vector(): ReadonlyMap<PeerKey, RegisterMark>;
  readonly digest: string;
  /** In order of (gen, rev) per peer. */
  since(
    theirs: ReadonlyMap<PeerKey, RegisterMark>,
  ): readonly { readonly peer: PeerKey; readonly envelopes: readonly Uint8Array[] }[];
  admit(envelope: Uint8Array): 'ok' | 'held' | 'stranger' | 'rubbish' | 'full';
  /** An in-order sync of this peer's registers was admitted, complete up to this mark. */
  advance(peer: PeerKey, upTo: RegisterMark): void;
}
