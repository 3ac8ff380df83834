import type { Config } from '../../config-schema.ts';
import type { HowBridged, HowOwn } from '../../local/enforce/backend.ts';
import type { Rights } from '../rights.ts';
import type { PeerRow } from '../views/peers.ts';
import type { Reach } from '../views/status.ts';

/** What the agent says of another router; one of before an update says less. */
export type PeerSaid = Pick<PeerRow, 'router' | 'state' | 'heardBy'> &
  Partial<Pick<PeerRow, 'absent' | 'link' | 'clock'>>;

/** What the agent says of itself, if it answers. */
export type AgentSaid =
  | { readonly answers: false; readonly why: string; readonly denied: boolean }
  | {
      readonly answers: true;
      readonly problems: readonly string[];
      readonly peers: readonly PeerSaid[];
      readonly clock: { readonly trusted: boolean; readonly why: string };
      /** What blocks, as it says; one of before an update does not tell its rights. */
      readonly backend:
        | { readonly name: string; readonly detail: string; readonly works: boolean }
        | undefined;
      readonly rights: Rights | undefined;
      /** What it judges; one of before an update does not tell. */
      readonly reach?: Reach | undefined;
    };

/** What came of trying the backends as the configuration says; nobody may try without rights. */
export type Tried =
  | { readonly tried: false }
  | {
      readonly tried: true;
      readonly name: string;
      readonly detail: string;
      /** What judges packets between devices on one bridge here. */
      readonly sameSwitch?: HowBridged | undefined;
      /** What judges what this router itself sends and receives. */
      readonly own?: HowOwn | undefined;
    }
  | { readonly tried: true; readonly name: undefined; readonly problem: string };

/** A place where the configuration says to listen. */
export interface Listening {
  /** The key of the configuration. */
  readonly key: string;
  readonly address: string;
  readonly onlyHere: boolean;
  readonly needsPassword: boolean;
  /** Why nobody could listen there now; undefined when somebody could. Not asked while the agent runs. */
  readonly problem: string | undefined;
}

/** What the tools of this machine are good for. */
export const TOOLS = ['ip', 'ipset', 'iptables', 'conntrack', 'tcpdump', 'nft', 'sysctl'] as const;
export type Tool = (typeof TOOLS)[number];

/** What a look at this machine found; undefined is what could not be told. */
export interface Machine {
  readonly config: Config;
  readonly nodeVersion: string;
  /** Those of whoever looks. */
  readonly rights: Rights;
  readonly tools: ReadonlySet<Tool>;
  readonly backend: Tried;
  /** Whether the kernel has a module, loaded or built in; undefined when it cannot be told. */
  readonly module: (name: string) => 'there' | 'loadable' | 'absent' | undefined;
  /** The lock of iptables-legacy; denied: the agent's user may not read it. */
  readonly lock: { readonly path: string; readonly denied: boolean };
  readonly user: {
    /** Of the agent: as it says, else the owner of the state folder. */
    readonly name: string;
    /** The user that an installed unit wants and that is not there. */
    readonly missing: string | undefined;
    readonly socketGroup: string | undefined;
    /** Whoever looks. */
    readonly me: string;
  };
  /** Settings of the kernel by their path below /proc/sys. */
  readonly sysctl: (name: string) => string | undefined;
  readonly clockSynchronised: boolean | undefined;
  readonly state: {
    readonly exists: boolean;
    readonly writable: boolean;
    readonly freeBytes: number | undefined;
    /** Names in it that belong to another than the folder itself. */
    readonly foreign: readonly string[];
  };
  readonly listening: readonly Listening[];
  readonly passwordSet: boolean | undefined;
  /** Services that begin with the machine. */
  readonly units: { readonly agent: boolean; readonly restore: boolean };
  readonly agent: AgentSaid;
}
