import type { RecordId } from './block-set.ts';
import type { Live } from './contents.ts';
import type { PeerKey } from './crypto.ts';
import type { Member } from './membership.ts';

/** An invitation that nobody has used and nobody has withdrawn. */
export interface OpenInvitation {
  readonly id: RecordId;
  /** The public half of the key that lets in once. */
  readonly key: PeerKey;
  /** Whoever comes with it becomes an admin. */
  readonly admin: boolean;
  /** When it ends, Unix milliseconds; undefined when its author did not trust its clock. */
  readonly until: number | undefined;
  /** The admin that wrote it. */
  readonly author: PeerKey;
  /** The person who invited, for the audit. */
  readonly by: string;
}

/** What telling invitations needs of the replica; the replica itself is one. */
export interface Invited {
  readonly live: ReadonlyMap<RecordId, Live>;
  members(): readonly Member[];
  member(peer: PeerKey): Member | undefined;
  isMember(peer: PeerKey): boolean;
}

/**
 * The invitations that live: written by who is an admin of the home now, so those of one that has left or was evicted are void.
 * Of what no op can tell, the time, nothing is judged here.
 */
export function openInvitations(home: Pick<Invited, 'live' | 'member' | 'isMember'>): OpenInvitation[] {
  const open: OpenInvitation[] = [];
  for (const { id, op, record } of home.live.values()) {
    if (record.kind !== 'invite') continue;
    if (home.member(op.peer)?.admin !== true || !home.isMember(op.peer)) continue;
    const { key, admin, until } = record;
    open.push({ id, key, admin, until, author: op.peer, by: op.by });
  }
  return open;
}

/** Who was admitted by the invitation with this key, whatever became of them; more than one after a partition. */
export function admittedBy(home: Pick<Invited, 'members'>, invitation: PeerKey): Member[] {
  return home.members().filter(({ invites }) => invites.includes(invitation));
}

/**
 * Members that were admitted by an invitation that also admitted another member: it lets in one, so one of them may have come
 * with a copy of the token. Both stand until a person decides.
 */
export function sharedInvitations(home: Pick<Invited, 'members' | 'isMember'>): Set<PeerKey> {
  const present = home.members().filter(({ peer }) => home.isMember(peer));
  const byInvitation = Map.groupBy(
    present.flatMap(({ peer, invites }) => [...new Set(invites)].map((invite) => ({ peer, invite }))),
    ({ invite }) => invite,
  );
  return new Set(
    [...byInvitation.values()].flatMap((all) => (all.length > 1 ? all.map(({ peer }) => peer) : [])),
  );
}
