import { HedgerowError, UsageError } from '../../errors.ts';
import { encodeToken } from '../../p2p/invitation-token.ts';
import type { Invitation } from '../../p2p/invitations.ts';
import { type JoinAnswer, type JoinRequest, joinProof } from '../../p2p/join-wire.ts';
import type { PeerKey } from '../../policy/crypto.ts';
import type { Replica } from '../../policy/replica.ts';
import { isoTime } from '../book/terms.ts';
import { parseFor } from '../durations.ts';
import type { Parts } from '../parts.ts';
import { bundleOf, refuseUnlessAdmin } from './home.ts';

/** The answer to `invite`. */
export interface InvitedView {
  /** What the other router is given: `hedgerow join <token>`. A secret; empty when it was only tried. */
  readonly token: string;
  /** ISO 8601, by this router's clock. */
  readonly until: string;
  readonly admin: boolean;
  /** False: until a restart of this agent only, because its clock is not trusted. */
  readonly lasting: boolean;
}

/** An invitation is never open for longer, seconds. */
const LONGEST_S = 7 * 86_400;

/** Makes a token that lets one router into the home. UsageError when this router may not, TemporaryError when too many are open. */
export function invite(
  parts: Parts,
  request: { by: string; admin: boolean; for: string; dryRun?: boolean },
): InvitedView {
  refuseUnlessAdmin(parts);
  const seconds = parseFor(request.for);
  if (seconds > LONGEST_S) {
    throw new UsageError('an invitation is open for a week at most', { hint: 'for example --for 1h' });
  }
  if (request.dryRun === true) {
    const until = isoTime(parts.clock.now() + seconds * 1_000);
    return { token: '', until, admin: request.admin, lasting: parts.clockTrust().trusted };
  }
  const { genesis, psk } = parts.home.read();
  const { admin, by } = request;
  const { key, until } = parts.invitations.issue({ admin, by, forMs: seconds * 1_000 });
  const addresses = parts.network.addresses();
  const token = encodeToken({ genesis, psk, seed: key.seed, inviter: parts.key.peer, addresses, until });
  return { token, until: isoTime(until), admin, lasting: parts.clockTrust().trusted };
}

/** Ends every invitation of this router that nobody has used. */
export function withdraw(
  { invitations }: Parts,
  { dryRun }: { dryRun: boolean },
): { readonly withdrawn: number } {
  return { withdrawn: dryRun ? invitations.list().length : invitations.withdraw() };
}

/** Admits whom a guest with a good invitation speaks for; never rejects for what the guest says. */
export async function admitGuest(parts: Parts, guest: PeerKey, request: JoinRequest): Promise<JoinAnswer> {
  const { replica, key, crypto, invitations } = parts;
  if (request.home !== replica.home) return refused('it is another home');
  if (!crypto.verify(request.peer, joinProof(replica.home, guest, key.peer), request.proof))
    return refused('its key is not proved');
  const self = replica.member(key.peer);
  if (self?.admin !== true || !replica.isMember(key.peer)) return refused('the inviter is no admin any more');
  try {
    const answer = await invitations.use(guest, (invitation) => admit(parts, invitation, request.peer));
    return answer ?? refused('the token was used, has ended or was withdrawn');
  } catch (error) {
    if (error instanceof HedgerowError) return refused(error.message);
    throw error;
  }
}

async function admit(parts: Parts, { key, admin, by }: Invitation, peer: PeerKey): Promise<JoinAnswer> {
  const known = parts.replica.member(peer);
  if (known !== undefined && !parts.replica.isMember(peer))
    return refused('its key was evicted or has left, which is final: it needs a new one');
  if (known === undefined) {
    const add = [{ kind: 'admit', peer, admin, invite: key } as const];
    await parts.author.write({ by, add }, false);
  }
  const { sponsors, bootstrap } = bundleOf(parts, peer);
  return { kind: 'admitted', sponsors, bootstrap };
}

/** Whether somebody was admitted by the invitation with this key. */
export function isInvitationUsed(replica: Replica, key: PeerKey): boolean {
  return replica.members().some(({ by }) => {
    const op = by === undefined ? undefined : replica.op(by);
    return op?.add.some((record) => record.kind === 'admit' && record.invite === key) === true;
  });
}

function refused(why: string): JoinAnswer {
  return { kind: 'refused', why };
}
