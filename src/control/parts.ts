import type { Clock } from '../clock.ts';
import type { Config } from '../config-schema.ts';
import type { Enforcer } from '../local/enforce/enforcer.ts';
import type { Halts } from '../local/enforce/halts.ts';
import type { Elsewhere } from '../local/exec.ts';
import type { FlowTable } from '../local/flows/flow-table.ts';
import type { PolicyDrops } from '../local/flows/policy-drops.ts';
import type { History } from '../local/history/history.ts';
import type { Aliases } from '../local/nodes/aliases.ts';
import type { NodeCache } from '../local/nodes/node-cache.ts';
import type { NodeFile } from '../local/nodes/node-file.ts';
import type { NodeReferences } from '../local/nodes/references.ts';
import type { Observer } from '../local/observer.ts';
import type { NetworkStats } from '../p2p/counters.ts';
import type { EvictionNews } from '../p2p/joining/eviction-news.ts';
import type { InvitationToken } from '../p2p/joining/invitation-token.ts';
import type { Invitations } from '../p2p/joining/invitations.ts';
import type { Admitted } from '../p2p/joining/knock.ts';
import type { NotTaken } from '../p2p/joining/not-taken.ts';
import type { SigningKey } from '../p2p/keys.ts';
import type { Network } from '../p2p/network.ts';
import type { BlockSet, Mac, NodeId, RecordId } from '../policy/block-set.ts';
import type { Classes } from '../policy/classes.ts';
import type { Live } from '../policy/contents.ts';
import type { Crypto, PeerKey } from '../policy/crypto.ts';
import type { Subject } from '../policy/records.ts';
import type { Registers } from '../policy/registers.ts';
import type { Replica } from '../policy/replica.ts';
import type { Force } from '../policy/terms.ts';
import type { HomeFile } from '../store/home-file.ts';
import type { SeenStore } from '../store/seen-store.ts';
import type { Author } from './author.ts';
import type { Connections } from './connections.ts';
import type { Directory } from './directory.ts';
import type { LoopDelay } from './loop-delay.ts';
import type { StoreCare } from './store-care.ts';

/** The parts of a running agent, as commands and views use them. */
export interface Parts {
  readonly config: Config;
  readonly clock: Clock;
  readonly key: SigningKey;
  readonly replica: Replica;
  readonly registers: Registers;
  readonly cache: NodeCache;
  readonly flows: FlowTable;
  /** What flows came to over hours and days; undefined where none of it is kept. */
  readonly history?: Pick<History, 'read' | 'total' | 'bytesSince' | 'hour' | 'health'> | undefined;
  /** What each policy has dropped on this router; undefined where nobody counts. */
  readonly policyDrops?: Pick<PolicyDrops, 'of'> | undefined;
  /** Why a node is kept, and its small integer; without them nobody is told. */
  readonly references?: Pick<NodeReferences, 'of'> | undefined;
  readonly aliases?: Pick<Aliases, 'has' | 'of' | 'nodeOf'> | undefined;
  /** What is written of what was seen; without them it is not counted. */
  readonly store?: Pick<SeenStore, 'health'> | undefined;
  readonly nodeFile?: Pick<NodeFile, 'health'> | undefined;
  /** Who made a device; undefined when nobody can tell. */
  readonly vendorOf?: (mac: Mac) => string | undefined;
  /** The router that commands are run on, where it is another machine. */
  readonly elsewhere?: Elsewhere | undefined;
  readonly observer: Observer;
  readonly enforcer: Enforcer;
  /** Whether a person has halted enforcement here. */
  readonly halts: Pick<Halts, 'now' | 'set' | 'lift'>;
  readonly network: Network;
  readonly author: Author;
  readonly directory: Directory;
  readonly crypto: Crypto;
  readonly home: HomeAccess;
  /** The invitations of the home. */
  readonly invitations: Invitations;
  /** How long this router waits for others, as people set it; without it nobody can. */
  readonly tolerances?: Tolerances | undefined;
  /** Whether a member was not heard of for so long that it is not reckoned with. */
  readonly absent?: ((peer: PeerKey) => boolean) | undefined;
  /** Finding other routers on the same networks; undefined where that is turned off. */
  readonly discovery?: Discovery | undefined;
  /** How this router can be reached from outside of the home; undefined where nobody asked for it. */
  readonly portMapping?: (() => PortMapped) | undefined;
  /** When a member was last heard, Unix milliseconds by a trusted clock. */
  readonly lastHeard?: ((peer: PeerKey) => number | undefined) | undefined;
  /** What those hear that were evicted, and what this router heard of that. */
  readonly evictionNews?: Pick<EvictionNews, 'now' | 'evictionOf' | 'told'> | undefined;
  /** Changes that an eviction has made void. */
  readonly notTaken?: Pick<NotTaken, 'list' | 'late'> | undefined;
  /** Asks the routers that a token names to be admitted. */
  readonly knock: (token: InvitationToken) => Promise<Admitted>;
  /** This router knows nothing yet and waits for the others; what was blocked stays blocked. */
  readonly holding: () => boolean;
  /** What is known to be taken apart around these subjects: the `apart` of a block that is written now. */
  readonly apart: (subjects: readonly Subject[]) => readonly RecordId[];
  /** Which nodes are the same now, and which were for whoever did not know of a split. */
  readonly identity: () => Classes;
  /** All ids that are the same node as this one, itself among them. */
  readonly classOf: (id: NodeId) => readonly NodeId[];
  /** Whether the terms of a live record hold now, and what is counted. */
  readonly force: (live: Live) => Force;
  /** Whether this router knows what time it is, and why. */
  readonly clockTrust: () => { readonly trusted: boolean; readonly why: string };
  /** What was last decided to be blocked here. */
  readonly blockSet: () => BlockSet;
  /** The backend in use, and why. */
  readonly backend: { readonly name: string; readonly detail: string };
  /**
   * Whether the rules see what devices on one interface of this router (a segment's name without the router) send to each
   * other; without it nobody asks.
   */
  readonly seesInside?: ((name: string) => boolean) | undefined;
  /** Why policies about this router itself cannot be in force; undefined where they can, or nobody can tell. */
  readonly ownTraffic?: (() => string | undefined) | undefined;
  /** Asks the router's own resolver for a domain; the answers land in the node cache. Never rejects. */
  readonly resolve: (domain: string) => Promise<void>;
  /** Milliseconds since this agent was ready. */
  readonly uptimeMs: () => number;
  /** Milliseconds from the start of the process until the policy was in force and the socket open. */
  readonly readyMs: () => number;
  /** Checks and mends the store while the agent runs. */
  readonly care: StoreCare;
  /** Who is connected to the agent, and by how much its event loop is late; without them nobody is told. */
  readonly connections?: Pick<Connections, 'listeners' | 'page'> | undefined;
  readonly loopDelay?: Pick<LoopDelay, 'now'> | undefined;
  /** What the doors count, by their names. */
  readonly doorCounters?: () => Readonly<Record<string, Record<string, number>>>;
  /** What is wrong with the doors, in words. */
  readonly doorProblems?: () => readonly string[];
  /** Why the store could not write lately; undefined when it could. */
  readonly storeError: () => string | undefined;
}

/** How long this router waits for others before it calls them down, as people set it: at once, and over restarts. */
export interface Tolerances {
  /** Milliseconds for each router that does not have the default. */
  read(): ReadonlyMap<PeerKey, number>;
  /** `ms` undefined: the default again. */
  set(peer: PeerKey, ms: number | undefined): void;
}

/** Finding other routers on the same networks (p2p.mdns). */
export interface Discovery {
  stats(): NetworkStats;
  /** What does not work, in words. */
  problems(): readonly string[];
}

/** A port of the gateway that leads here (p2p.portMapping). */
export interface PortMapped {
  readonly state: 'off' | 'asking' | 'mapped' | 'failed';
  /** Address and port outside. */
  readonly external: string | undefined;
  /** What the gateway answered, in words. */
  readonly why: string | undefined;
}

/** The home file of this router. */
export interface HomeAccess {
  read(): HomeFile;
  write(home: HomeFile): void;
  /** Joins another home: its file takes the place of ours, the store is put aside, the agent begins anew. */
  replace(home: HomeFile): void;
  /** Leaves the home: its file, its store and the key that was known there are put aside, the agent begins anew, alone. */
  leave(): void;
}
