import type { Config } from '../../config-schema.ts';
import type { HowBridged } from '../../local/enforce/backend.ts';
import type { PeerRow } from '../views/peers.ts';

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
    };

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
export const TOOLS = ['ip', 'ipset', 'iptables', 'conntrack', 'tcpdump', 'nft'] as const;
export type Tool = (typeof TOOLS)[number];

/** What a look at this machine found; undefined is what could not be told. */
export interface Machine {
  readonly config: Config;
  readonly nodeVersion: string;
  readonly root: boolean;
  /** The effective capabilities, a bit mask (capabilities(7)). */
  readonly capabilities: bigint;
  readonly tools: ReadonlySet<Tool>;
  /** Why the kernel does not take our sets and rules; undefined when it does. `asked` false: nobody may try. */
  readonly kernel: {
    readonly asked: boolean;
    readonly problem: string | undefined;
    /** What judges packets between devices on one bridge here. */
    readonly sameSwitch?: HowBridged | undefined;
  };
  /** Settings of the kernel by their path below /proc/sys. */
  readonly sysctl: (name: string) => string | undefined;
  readonly clockSynchronised: boolean | undefined;
  readonly state: {
    readonly exists: boolean;
    readonly writable: boolean;
    readonly freeBytes: number | undefined;
  };
  readonly listening: readonly Listening[];
  readonly passwordSet: boolean | undefined;
  /** Services that begin with the machine. */
  readonly units: { readonly agent: boolean; readonly restore: boolean };
  readonly agent: AgentSaid;
}
