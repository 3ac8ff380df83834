import type { PeerKey } from './crypto.ts';
import type { Genesis } from './genesis.ts';
import type { Op } from './op.ts';
import type { Head, OpId } from './records.ts';

/** A peer that was admitted to the home, also one that has left or was evicted since. */
export interface Member {
  readonly peer: PeerKey;
  readonly admin: boolean;
  /** Admissions between the founder (0) and it; the recovery key has −1. */
  readonly depth: number;
  /** The op that admitted it; undefined for the recovery key and the founder. */
  readonly by: OpId | undefined;
  /** The keys of the invitations by which it was admitted, where an admission that counts names one. */
  readonly invites: readonly PeerKey[];
  /** The heads under which its ops still count; undefined while it is not evicted. */
  readonly evicted: readonly Head[] | undefined;
  /** It said that it goes. What it wrote counts. */
  readonly left: boolean;
}

export interface Membership {
  /** In order of seniority. */
  readonly members: ReadonlyMap<PeerKey, Member>;
  /** The admin ops (those with an admission or an eviction) that count. */
  readonly adminOps: ReadonlySet<OpId>;
}

/** The held ops of an admin that admit or evict, and those that say "I leave". */
export interface MembershipOps {
  /** Ops of this peer with `admit`, `evict` or `leave` in them, in any order. */
  of(peer: PeerKey): readonly Op[];
  /** Of a held op of this peer: it is one of these heads or before one, leads to one that is not held yet, or neither. */
  under(peer: PeerKey, heads: readonly Head[]): (op: OpId) => 'stands' | 'leads' | 'cut';
}

interface Draft {
  peer: PeerKey;
  admin: boolean;
  depth: number;
  by: OpId | undefined;
  invites: PeerKey[];
  evicted: Head[] | undefined;
  left: boolean;
}

/**
 * Who belongs to the home (policy.md, "The fold", 1): admins take their turn by seniority (recovery key, founder,
 * depth of admission, key); of each, the admin ops that no senior has cut add their admissions and evictions.
 * A function of the set of ops alone: order of arrival, clocks and caps play no part.
 */
export function foldMembership(genesis: Genesis, ops: MembershipOps): Membership {
  const drafts = new Map<PeerKey, Draft>();
  const adminOps = new Set<OpId>();
  const evictions = new Map<PeerKey, Head[]>();
  /** Admins whose turn is still to come: the most senior last. */
  const turns: Draft[] = [];
  const enter = (peer: PeerKey, depth: number, admin: boolean, by?: OpId, invite?: PeerKey): void => {
    const known = drafts.get(peer);
    const invites = invite === undefined ? [] : [invite];
    known?.invites.push(...invites);
    if (known === undefined) {
      const draft = { peer, admin, depth, by, invites, evicted: undefined, left: false };
      drafts.set(peer, draft);
      if (admin) insert(turns, draft);
    } else if (admin && !known.admin) {
      // A member that is made admin later takes its turn from there.
      known.admin = true;
      known.depth = depth;
      insert(turns, known);
    }
  };
  enter(genesis.recovery, -1, true);
  enter(genesis.founder, 0, true);

  for (let next = turns.pop(); next !== undefined; next = turns.pop()) {
    const cut = evictions.get(next.peer);
    const standing = cut === undefined ? () => 'stands' as const : ops.under(next.peer, cut);
    for (const op of [...ops.of(next.peer)].sort(byChain)) {
      const stands = standing(op.id);
      if (stands === 'cut') continue;
      for (const record of op.add) {
        if (record.kind !== 'admit' && record.kind !== 'evict') continue;
        // What may turn out not to count must not make anybody's blocks fall.
        if (record.kind === 'evict' && stands === 'leads') continue;
        adminOps.add(op.id);
        if (record.kind === 'admit') enter(record.peer, next.depth + 1, record.admin, op.id, record.invite);
        else evictions.set(record.peer, [...(evictions.get(record.peer) ?? []), ...record.heads]);
      }
    }
  }

  for (const draft of drafts.values()) {
    draft.evicted = evictions.get(draft.peer);
    draft.left = ops.of(draft.peer).some((op) => op.add.some((record) => record.kind === 'leave'));
  }
  return { members: new Map([...drafts].sort(([, x], [, y]) => bySeniority(x, y))), adminOps };
}

/** Seniors first. */
export function bySeniority(
  x: { depth: number; peer: PeerKey },
  y: { depth: number; peer: PeerKey },
): number {
  return x.depth - y.depth || (x.peer < y.peer ? -1 : x.peer > y.peer ? 1 : 0);
}

/** True when both say the same about everybody and every admin op. */
export function sameMembership(x: Membership, y: Membership): boolean {
  if (x.members.size !== y.members.size || x.adminOps.size !== y.adminOps.size) return false;
  for (const op of x.adminOps) if (!y.adminOps.has(op)) return false;
  for (const [peer, a] of x.members) {
    const b = y.members.get(peer);
    if (b === undefined || a.admin !== b.admin || a.depth !== b.depth || a.left !== b.left) return false;
    if (headsOf(a) !== headsOf(b)) return false;
  }
  return true;
}

function headsOf(member: Member): string {
  return member.evicted === undefined ? '-' : member.evicted.map((head) => head.id).join();
}

/** Into its place by seniority: a community has thousands of admins. */
function insert(turns: Draft[], draft: Draft): void {
  let [from, to] = [0, turns.length];
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (bySeniority(turns[middle] as Draft, draft) > 0) from = middle + 1;
    else to = middle;
  }
  turns.splice(from, 0, draft);
}

function byChain(x: Op, y: Op): number {
  if (x.run !== y.run) return x.run < y.run ? -1 : 1;
  return x.seq - y.seq || (x.id < y.id ? -1 : 1);
}
