import type { Address, BlockSet, NodeId, Prefix } from '../../policy/block-set.ts';
import type { Told } from './drift-watch.ts';
import type { Table } from './nft/table.ts';
import type { Rulebook } from './rulebook.ts';

/** What one `set()` did. */
export interface Outcome {
  /** `resync`: the kernel was read and brought to the block set whole; `update`: only the difference was applied. */
  readonly did: 'unchanged' | 'update' | 'resync';
  /** Elements of sets added or removed (in a resync: elements asserted). */
  readonly elements: number;
  /** Rules written. */
  readonly rules: number;
  /** From the call to the kernel's acknowledgement, milliseconds. */
  readonly ms: number;
}

const DID = ['unchanged', 'update', 'resync'] as const;

/** What two do at once. Ends when both have: rejects then if either failed, with the first one's reason if both did. */
export async function together(first: Promise<Outcome>, second: Promise<Outcome>): Promise<Outcome> {
  await Promise.allSettled([first, second]);
  const [a, b] = await Promise.all([first, second]);
  return {
    did: DID[Math.max(DID.indexOf(a.did), DID.indexOf(b.did))] ?? a.did,
    elements: a.elements + b.elements,
    rules: a.rules + b.rules,
    ms: Math.max(a.ms, b.ms),
  };
}

/**
 * Does one after the other, the second whatever became of the first: what is blocked in one place does not wait for another
 * place that is broken. Throws what the first of them threw.
 */
export async function inTurn<A, B>(first: () => Promise<A>, second: () => Promise<B>): Promise<[A, B]> {
  const [a] = await Promise.allSettled([first()]);
  const [b] = await Promise.allSettled([second()]);
  if (a.status === 'rejected') throw a.reason;
  if (b.status === 'rejected') throw b.reason;
  return [a.value, b.value];
}

/** A place where the kernel differs from what was last acknowledged. */
export interface Drift {
  readonly what: 'jump' | 'chain' | 'set';
  readonly name: string;
  readonly detail: string;
}

/**
 * What two looks found. Whoever finds something forgets what the kernel holds and would not find it again, so it is told
 * also when the other could not look. Throws what that one threw where nothing was found.
 */
export async function foundBy(
  looks: readonly (() => Promise<readonly Drift[]>)[],
): Promise<readonly Drift[]> {
  const found = await Promise.allSettled(looks.map((look) => look()));
  const drift = found.flatMap((one) => (one.status === 'fulfilled' ? one.value : []));
  for (const one of found) if (one.status === 'rejected' && drift.length === 0) throw one.reason;
  return drift;
}

/**
 * What was dropped for one entry of a block set since the kernel's counter began. Those of addresses and networks last as
 * long as the entry (a damaged set begins anew at its repair); those of `internet` and `lan` begin anew whenever
 * the owner's chains are written.
 */
export interface Counter {
  /** Undefined for what is blocked for every device of the home. */
  readonly owner: NodeId | undefined;
  /** Of networks that lie inside each other the narrowest counts; of `0.0.0.0/0` and `::/0` each half by itself. */
  readonly remote: Address | Prefix | 'internet' | 'lan';
  readonly packets: number;
  readonly bytes: number;
}

/** The two iptables that a machine may have, and the one whose name does not tell. */
export type IptablesVariant = 'legacy' | 'nft' | 'plain';

/** An interface name as the kernel takes it, plus iptables' own wildcard at the end. */
export const INTERFACE = /^[A-Za-z0-9_.@:-]{1,15}\+?$/;

/** What it takes to put the last acknowledged state in force again, without agent, store or network. */
export type Plan = IpsetPlan | NftPlan;

interface PlanBeside {
  /** For `nft -f`: the table for what passes a bridge; absent where there is none. */
  readonly bridge?: string | undefined;
  /** The same for what the router itself sends and receives. */
  readonly own?: string | undefined;
}

/** For `ipset restore`, one after the other: it creates and fills, never empties. Each is for itself where it begins. */
export interface Fill {
  /** What lets pass: exceptions and the guard, and the home. */
  readonly passing: string;
  /** All the rest, which is nearly all. */
  readonly blocking: string;
  /** Devices' addresses, which are not looked up by their MAC any more: after what is blocked for them. */
  readonly known: string;
}

export interface IpsetPlan extends PlanBeside {
  readonly backend: 'ipset';
  readonly variant: IptablesVariant;
  readonly sets: { readonly v4: Fill; readonly v6: Fill };
  /** For `iptables-restore --noflush` and its twin for IPv6: our chains, without the jump to them. */
  readonly chains: { readonly v4: string; readonly v6: string };
}

export interface NftPlan extends PlanBeside {
  readonly backend: 'nftables';
  /** For `nft -f`: our table whole, in place of what there is. */
  readonly table: string;
}

/**
 * What a plan is made of. It never changes and costs nothing to hand out; what of it is written is made later, or only what
 * differs from an earlier one (plan-text.ts, plan-change.ts).
 */
export type Planned = PlannedSets | PlannedTable;

interface PlannedBeside {
  readonly bridge?: Table | undefined;
  readonly own?: Table | undefined;
}

export interface PlannedSets extends PlannedBeside {
  readonly backend: 'ipset';
  readonly variant: IptablesVariant;
  readonly rulebook: Rulebook;
}

export interface PlannedTable extends PlannedBeside {
  readonly backend: 'nftables';
  readonly table: Table;
}

/**
 * What judges packets between two devices of one bridge of this router, which are never routed: a table of their own, or the
 * chains of what is routed (bridge-nf shows them there), or nothing, with the reason.
 */
export type HowBridged =
  | { readonly how: 'table' | 'bridge-nf' }
  | { readonly how: 'none'; readonly why: string };

/**
 * What judges what this router itself sends and receives; none where nobody asked for it, or it is not possible. `tracked`: answers are
 * told from what is unasked for by the kernel's connections, else by their port alone.
 */
export type HowOwn =
  | { readonly how: 'table'; readonly tracked: boolean }
  | { readonly how: 'none'; readonly why: string };

/** What a backend says of itself, for people. */
export interface Described {
  readonly name: string;
  readonly detail: string;
  /** Absent where nothing reaches the kernel. */
  readonly sameSwitch?: HowBridged | undefined;
  readonly own?: HowOwn | undefined;
}

/**
 * Puts block sets in force. Level-triggered: it is given the whole block set each time and applies the difference.
 * `set`, `check`, `counters` and `clear` throw TemporaryError (try again) or UnavailableError (a tool is missing).
 */
export interface Backend {
  readonly name: 'ipset' | 'nftables' | 'dry-run' | 'fake';
  /** For people: the name and how it works here, for example `ipset, iptables-legacy`. */
  describe(): Described;
  /**
   * Makes the kernel block exactly this. Idempotent. The first call, and the first one after anything was in doubt,
   * is a resync. Resolves when the kernel has acknowledged. Calls must not overlap.
   */
  set(want: BlockSet, signal: AbortSignal): Promise<Outcome>;
  /**
   * Compares the kernel with the last acknowledged state, cheaply: the jump, the chains, the sizes of the sets; now and
   * then, and when it is to be `thorough`, their elements as well. Empty before the first `set` and when a `set` ran
   * meanwhile. What it finds makes the next `set` a resync.
   */
  check(signal: AbortSignal, thorough?: boolean): Promise<readonly Drift[]>;
  /** What was dropped, entries without drops left out. */
  counters(signal: AbortSignal): Promise<readonly Counter[]>;
  /** Takes everything of ours out of the kernel: nothing is blocked any more. */
  clear(signal: AbortSignal): Promise<void>;
  /**
   * The last acknowledged state, or what would put this block set in force instead; undefined before the first and for
   * backends without a kernel.
   */
  plan(of?: BlockSet): Planned | undefined;
  /**
   * Of how many checks in a row one compares the elements of sets, and not their number alone: 1 where each does, more where there
   * are many. For people.
   */
  comparesEvery?(): number;
  /** What tells of changes by somebody else; a backend without a kernel has nothing to be told. */
  told?(): Told;
  /** Ends children. What is blocked stays blocked. */
  stop(): Promise<void>;
}
