import type { NodeId, RecordId } from './block-set.ts';
import type { PeerKey } from './crypto.ts';

/** An op's id: SHA-256 of its body, 64 hex digits. */
export type OpId = string;
/** The random id of one run of an agent, 32 hex digits. With the peer it names an actor. */
export type RunId = string;

/** What a policy, a name or a membership of a group is about. `router` is a member: what it sends and receives itself. */
export type Subject =
  | { readonly kind: 'device'; readonly id: NodeId }
  | { readonly kind: 'remote'; readonly id: NodeId }
  | { readonly kind: 'domain'; readonly domain: string }
  | { readonly kind: 'pattern'; readonly suffix: string }
  | { readonly kind: 'network'; readonly prefix: string }
  | { readonly kind: 'group'; readonly group: string }
  | { readonly kind: 'home' }
  | { readonly kind: 'lan' }
  | { readonly kind: 'internet' }
  | { readonly kind: 'router'; readonly peer: PeerKey };

/** One window of a schedule, in the zone of its terms; it runs over midnight when `to` ≤ `from`. */
export interface Window {
  /** Bit 0 is Monday. */
  readonly days: number;
  /** Minutes after midnight. */
  readonly from: number;
  readonly to: number;
}

/** For how long a policy holds, and why. All empty: until it is lifted. */
export interface Terms {
  /** Seconds from when a router first sees it. */
  readonly for?: number | undefined;
  /** Unix milliseconds; only from an author whose clock was trusted. */
  readonly until?: number | undefined;
  readonly windows?: readonly Window[] | undefined;
  /** The IANA time zone of the windows, for example `Europe/Amsterdam`; UTC without one. */
  readonly zone?: string | undefined;
  readonly reason?: string | undefined;
}

/** The head of a chain: the newest op of an actor. */
export interface Head {
  readonly run: RunId;
  readonly seq: number;
  readonly id: OpId;
}

/** What an op adds; see policy.md and docs/protocol.md. */
export type Record =
  | {
      readonly kind: 'block';
      readonly a: Subject;
      readonly b: Subject;
      readonly terms: Terms;
      /**
       * What the author knew to be taken apart around the subjects: retired `same` and `in` records, live `distinct` ones.
       */
      readonly apart: readonly RecordId[];
    }
  | { readonly kind: 'allow'; readonly a: Subject; readonly b: Subject; readonly terms: Terms }
  | { readonly kind: 'ignore'; readonly node: Subject }
  | { readonly kind: 'same'; readonly x: NodeId; readonly y: NodeId }
  | { readonly kind: 'distinct'; readonly x: NodeId; readonly y: NodeId }
  | { readonly kind: 'in'; readonly group: string; readonly node: Subject }
  | { readonly kind: 'name'; readonly of: Subject; readonly text: string }
  | {
      readonly kind: 'admit';
      readonly peer: PeerKey;
      readonly admin: boolean;
      readonly invite?: string | undefined;
    }
  | { readonly kind: 'evict'; readonly peer: PeerKey; readonly heads: readonly Head[] }
  | { readonly kind: 'leave' }
  | {
      /** Whoever proves this one-use key is admitted, by any admin, while the record lives (docs/adr/0021). */
      readonly kind: 'invite';
      readonly key: PeerKey;
      readonly admin: boolean;
      /** When it ends, Unix milliseconds; undefined when its author did not trust its clock. */
      readonly until?: number | undefined;
    }
  /** A kind, or a form of a known kind, that this version does not know: kept, relayed, counted, shown as such. */
  | { readonly kind: 'unknown'; readonly tag: number };

export type BlockRecord = Extract<Record, { kind: 'block' }>;
