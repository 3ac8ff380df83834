import type { Counts } from '../local/observe/conntrack.ts';
import type { Enforcement } from '../p2p/alive/enforcement.ts';
import type { NodeId } from '../policy/block-set.ts';

/** What was added to a flow in the meantime. Ids are those of the classes, as views give them. */
export interface Moved {
  readonly device: NodeId | string;
  readonly other: NodeId | string;
  readonly otherIsDevice: boolean;
  /** IP protocol number. */
  readonly protocol: number;
  readonly port: number;
  /** Undefined where the kernel does not count. */
  readonly up: Counts | undefined;
  readonly down: Counts | undefined;
  /** Connections that began. */
  readonly began: number;
  /** Somebody chose to ignore one of the two. */
  readonly ignored: boolean;
}

/** What blocks have dropped of a pair in the meantime; `home`, `internet`, `lan` or a network where the kernel counts no nodes. */
export interface Dropped extends Counts {
  readonly device: NodeId | string;
  readonly other: NodeId | string;
}

/** A device asked for a name. */
export interface Asked {
  readonly device: NodeId;
  readonly domain: string;
  /** The node that the name stands for, when the answer named addresses. */
  readonly node: NodeId | undefined;
}

/** Something that happened, for people and automations. State is told by views; this is only news of it. */
export type Happening = { readonly at: string } & (
  | {
      readonly kind: 'device.new';
      readonly id: NodeId;
      readonly label: string;
      readonly vendor: string | undefined;
    }
  | { readonly kind: 'node.gone'; readonly id: NodeId; readonly device: boolean }
  | { readonly kind: 'node.merged'; readonly id: NodeId; readonly into: NodeId }
  | { readonly kind: 'node.split'; readonly id: NodeId; readonly from: NodeId }
  | {
      readonly kind: 'blocked';
      readonly device: string;
      readonly other: string;
      readonly packets: number;
      readonly bytes: number;
    }
  | {
      readonly kind: 'policy.made' | 'policy.lifted';
      readonly id: string;
      readonly text: string;
      readonly by: string;
      readonly router: string;
    }
  | { readonly kind: 'router'; readonly router: string; readonly state: string }
  | { readonly kind: 'enforcement'; readonly router: string; readonly state: Enforcement['state'] }
);

/** What happened since it was last taken. All of it is bounded; `missed` counts what there was no room for. */
export interface Recent {
  readonly moved: readonly Moved[];
  readonly dropped: readonly Dropped[];
  readonly asked: readonly Asked[];
  readonly happenings: readonly Happening[];
  readonly missed: number;
  /** Numbers that are greater whenever something has changed that the views of that name show. */
  readonly versions: Readonly<Record<'nodes' | 'policies' | 'peers', number>>;
}

/** Gathers for the one who takes: the bridge, once a second. Nothing is gathered before the first time. */
export interface RecentSource {
  take(): Recent;
}
