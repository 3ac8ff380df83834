import type { Connection } from '@libp2p/interface';
import type { Clock } from '../../clock.ts';
import type { Log } from '../../log.ts';
import type { PeerKey } from '../../policy/crypto.ts';
import type { PeerAddress } from '../addresses.ts';
import type { Counters } from '../counters.ts';
import type { Overlay } from '../overlay.ts';
import type { PeerState } from '../peer-view.ts';
import type { Traffic } from '../traffic.ts';
import type { OpenConnections } from './connections.ts';
import type { LinkLimits } from './link-policy.ts';
import type { LinkStates } from './link-states.ts';
import type { PeerDatabase } from './peer-database.ts';

/** What the links of an agent are made of, and what they ask the other parts. */
export interface LinksOptions {
  readonly self: PeerKey;
  readonly overlay: Overlay;
  readonly connections: OpenConnections<Connection>;
  readonly states: LinkStates;
  readonly database: PeerDatabase;
  readonly traffic: Traffic;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly log: Log;
  /** 0 ≤ random < 1. */
  readonly random: () => number;
  /** See {@link LinkChoice}: up to `fullMesh` routers all are linked, above each has `target` links. */
  readonly fullMesh: number;
  readonly target: number;
  readonly limits: LinkLimits;
  /** Where a person says that members may be found: those without a name are asked when too few are known (whyBootstrap). */
  readonly bootstrap: readonly PeerAddress[];
  /** Where they were when this agent ran last. */
  readonly remembered: readonly PeerAddress[];
  /** Members, and sponsors while joining, without ourselves. */
  readonly members: () => readonly PeerKey[];
  readonly trusted: (peer: PeerKey) => boolean;
  /** It has said that it goes. */
  readonly left: (peer: PeerKey) => boolean;
  /** Our replica does not know ourselves as a member yet, or not all that we were told of. */
  readonly joining: () => boolean;
  /** Not heard of for so long that its eviction is proposed. */
  readonly absent: (peer: PeerKey) => boolean;
  readonly stateOf: (peer: PeerKey) => PeerState;
  /** How many members are heard over each one alone. */
  readonly sole: () => ReadonlyMap<PeerKey, number>;
  /** Our replica's digest: when it changes there is something to say on links that were closed for idleness. */
  readonly digest: () => string;
  /** The gossip topic on which every member must be heard. */
  readonly topic: string;
  readonly onFailed: (peer: PeerKey, error: string) => void;
  /** A dial was refused while there was no connection. */
  readonly onRefused: (peer: PeerKey) => void;
  /** A peer is not trusted any more, its connections are closed: everything kept of it goes. */
  readonly forget: (peer: PeerKey) => void;
}
