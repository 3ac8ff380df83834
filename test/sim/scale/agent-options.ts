import type { SigningKey } from '../../../src/p2p/keys.ts';
import type { PeerKey } from '../../../src/policy/crypto.ts';
import type { Replica } from '../../../src/policy/replica.ts';
import type { Random } from '../random.ts';
import type { Air } from './air.ts';
import type { DialSide, WireCount } from './dial.ts';

/** What differs between runs. */
export interface AgentSettings {
  readonly fullMesh: number;
  readonly target: number;
  /** Link choice looks so often, milliseconds. */
  readonly lookMs: number;
  /** Others are asked about who is silent. Off: what liveness would be without. */
  readonly witnesses: boolean;
  /** A second connection is dialled beside the one that is silent. */
  readonly secondLook: boolean;
}

/** What one agent found out about another. */
export type Finding = 'suspect' | 'silent' | 'down';

export interface AgentOptions {
  readonly n: number;
  readonly key: SigningKey;
  readonly replica: Replica;
  readonly others: readonly PeerKey[];
  readonly air: Air;
  readonly random: Random;
  readonly settings: AgentSettings;
  readonly sideOf: (peer: PeerKey) => (DialSide & { readonly count: WireCount }) | undefined;
  readonly peerOf: (n: number) => PeerKey;
  readonly found: (what: Finding, about: PeerKey) => void;
}
