import { HedgerowError, UsageError } from '../../errors.ts';
import { dialable, encodeToken, MAX_ADMINS, type TokenAdmin } from '../../p2p/joining/invitation-token.ts';
import { type JoinAnswer, type JoinRequest, joinProof } from '../../p2p/joining/join-wire.ts';
import type { PeerKey } from '../../policy/crypto.ts';
import type { OpenInvitation } from '../../policy/invitations.ts';
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
  /** False: until a restart of this agent only, and on no other router, because its clock is not trusted. */
  readonly lasting: boolean;
  /** The routers that the token names: any of them lets in, the first is this one. */
  readonly routers: readonly string[];
}

/** An invitation is never open for longer, seconds. */
const LONGEST_S = 7 * 86_400;

/**
 * Makes a token that lets one router into the home. UsageError when this router may not, TemporaryError when too many are open or
 * when the invitation could not be written.
 */
export async function invite(
  parts: Parts,
  request: { by: string; admin: boolean; for: string; dryRun?: boolean },
): Promise<InvitedView> {
  refuseUnlessAdmin(parts);
  const seconds = parseFor(request.for);
  if (seconds > LONGEST_S) {
    throw new UsageError('an invitation is open for a week at most', { hint: 'for example --for 1h' });
  }
  const { admin, by } = request;
  const lasting = parts.clockTrust().trusted;
  const admins = adminsFor(parts, lasting);
  const view = { admin, lasting, routers: admins.map(({ peer }) => parts.directory.routerName(peer)) };
  if (request.dryRun === true)
    return { ...view, token: '', until: isoTime(parts.clock.now() + seconds * 1_000) };
  const { key, until } = await parts.invitations.issue(
    { self: parts.key.peer, admin, forMs: seconds * 1_000 },
    (over, record) => parts.author.write({ by, over, add: [record] }, false),
  );
  const { home } = parts.replica;
  const token = encodeToken({ home, psk: parts.home.read().psk, seed: key.seed, until, admins });
  return { ...view, token, until: isoTime(until) };
}

/** This router, and others that can admit by what they hear of it: those that are alive first. */
function adminsFor({ replica, registers, network, key }: Parts, lasting: boolean): TokenAdmin[] {
  const own = { peer: key.peer, addresses: dialable(network.addresses()) };
  // Whose clock is not trusted writes no end, and without one only this run of its own can tell whether it has come.
  if (!lasting) return [own];
  const alive = new Set(network.peers().flatMap(({ peer, state }) => (state === 'alive' ? [peer] : [])));
  const others = replica
    .members()
    .filter(({ peer, admin, depth }) => admin && depth >= 0 && peer !== key.peer && replica.isMember(peer))
    .map(({ peer }) => ({ peer, addresses: dialable(registers.card(peer)?.listens ?? []) }))
    .filter(({ addresses }) => addresses.length > 0)
    .sort((x, y) => Number(alive.has(y.peer)) - Number(alive.has(x.peer)));
  return [own, ...others].slice(0, MAX_ADMINS);
}

/** Ends the invitations that nobody has used: those of this router, or all of the home. UsageError when this router is no admin. */
export async function withdraw(
  parts: Parts,
  { by, all, dryRun }: { by: string; all: boolean; dryRun: boolean },
): Promise<{ readonly withdrawn: number; readonly dryRun: boolean }> {
  refuseUnlessAdmin(parts);
  const over = parts.invitations
    .list()
    .filter(({ author }) => all || author === parts.key.peer)
    .map(({ id }) => id);
  if (over.length > 0 && !dryRun) await parts.author.write({ by, over }, false);
  return { withdrawn: over.length, dryRun };
}

/** Admits whom a guest with a good invitation speaks for; never rejects for what the guest says. */
export async function admitGuest(parts: Parts, guest: PeerKey, request: JoinRequest): Promise<JoinAnswer> {
  const { replica, key, crypto, invitations, directory } = parts;
  const { peer } = request;
  if (request.home !== replica.home) return refused('it is another home');
  if (!crypto.verify(peer, joinProof(replica.home, guest, key.peer), request.proof))
    return refused('its key is not proved');
  if (replica.member(key.peer)?.admin !== true || !replica.isMember(key.peer))
    return elsewhere('the router that was asked is no admin (any more)');
  const found = invitations.find(guest);
  if (found === undefined) return refused('the token has ended or was withdrawn');
  if (found.kind === 'used') {
    // Its answer was lost. Nobody else hears anything by it.
    return found.by.includes(peer) && replica.isMember(peer)
      ? admitted(parts, peer)
      : refused('the token was used');
  }
  if (!found.sure) {
    const inviter = directory.routerName(found.invitation.author);
    return elsewhere(
      `the router that was asked cannot tell whether the token has ended; ask ${inviter}, which made it`,
    );
  }
  try {
    return await admit(parts, found.invitation, peer);
  } catch (error) {
    if (error instanceof HedgerowError) return elsewhere(error.message);
    throw error;
  }
}

async function admit(parts: Parts, invitation: OpenInvitation, peer: PeerKey): Promise<JoinAnswer> {
  const { id, key, admin, by } = invitation;
  const known = parts.replica.member(peer);
  if (known !== undefined && !parts.replica.isMember(peer))
    return refused('its key was evicted or has left, which is final: it needs a new one');
  if (known === undefined) {
    const add = [{ kind: 'admit', peer, admin, invite: key } as const];
    await parts.author.write({ by, over: [id], add }, false);
  }
  return admitted(parts, peer);
}

function admitted(parts: Parts, peer: PeerKey): JoinAnswer {
  const { genesis, sponsors, bootstrap } = bundleOf(parts, peer);
  return { kind: 'admitted', genesis, sponsors, bootstrap };
}

function refused(why: string): JoinAnswer {
  return { kind: 'refused', why, elsewhere: false };
}

/** Another admin may well admit it. */
function elsewhere(why: string): JoinAnswer {
  return { kind: 'refused', why, elsewhere: true };
}
