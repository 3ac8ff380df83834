import { sharedInvitations } from '../../policy/invitations.ts';
import { isoTime } from '../book/terms.ts';
import type { Parts } from '../parts.ts';
import { type ToldChange, toldChange } from './audit.ts';
import { labels } from './words.ts';

/** So many changes that were not taken are told in words. */
const MAX_NOT_TAKEN = 20;

export interface MemberView {
  readonly router: string;
  readonly peer: string;
  readonly admin: boolean;
  /** founder, member, left or evicted. */
  readonly standing: 'founder' | 'member' | 'left' | 'evicted';
  readonly self: boolean;
  /** When this router last heard it, ISO 8601; undefined when it never did, or does not know the time. */
  readonly lastHeard: string | undefined;
  /** Not heard of for `p2p.absentDays`: its eviction is proposed. */
  readonly absent: boolean;
  /** Another member was admitted by the same invitation, which lets in one: a copy of the token was used. */
  readonly sharedInvitation: boolean;
}

/** An invitation that nobody has used yet, on any router. */
export interface InvitationView {
  /** The router that made the token, and who. */
  readonly router: string;
  readonly by: string;
  readonly admin: boolean;
  /** ISO 8601; undefined when that router did not trust its clock. */
  readonly until: string | undefined;
}

/** The home and its members. */
export interface HomeView {
  readonly id: string;
  readonly name: string | undefined;
  /** This router's key: what `home add` on another router wants. */
  readonly peer: string;
  readonly router: string;
  readonly members: readonly MemberView[];
  readonly invitations: readonly InvitationView[];
  /** True while the recovery key lies on this router: `home create` prints it and takes it away. */
  readonly recoveryKeyHere: boolean;
  /** Changes of evicted routers that were not taken, the newest first: so many of them, and how many there are. */
  readonly notTaken: readonly ToldChange[];
  readonly notTakenInAll: number;
  /** This router was evicted, in words; undefined when it was not, as far as it knows. */
  readonly gone: string | undefined;
}

export function homeView(parts: Parts): HomeView {
  const { replica, directory, key } = parts;
  const shared = sharedInvitations(replica);
  const standingOf = (peer: string, evicted: boolean, left: boolean) => {
    if (evicted) return 'evicted';
    return left ? 'left' : peer === replica.genesis.founder ? 'founder' : 'member';
  };
  return {
    id: replica.home,
    name: directory.homeName(),
    peer: key.peer,
    router: parts.config.agent.name,
    members: replica
      .members()
      .filter(({ depth }) => depth >= 0)
      .map(({ peer, admin, left, evicted }) => {
        const self = peer === key.peer;
        const heard = self ? undefined : parts.lastHeard?.(peer);
        return {
          router: self ? parts.config.agent.name : directory.routerName(peer),
          peer,
          admin,
          standing: standingOf(peer, evicted !== undefined, left),
          self,
          lastHeard: heard === undefined ? undefined : isoTime(heard),
          absent: !self && replica.isMember(peer) && parts.absent?.(peer) === true,
          sharedInvitation: shared.has(peer),
        };
      }),
    invitations: parts.invitations.list().map(({ author, by, admin, until }) => ({
      router: directory.routerName(author),
      by,
      admin,
      until: until === undefined ? undefined : isoTime(until),
    })),
    ...untaken(parts),
    recoveryKeyHere: parts.home.read().recoverySeed !== undefined,
    gone: goneWords(parts),
  };
}

function untaken(parts: Parts): Pick<HomeView, 'notTaken' | 'notTakenInAll'> {
  const all = parts.notTaken?.list() ?? [];
  const label = labels(parts.directory);
  const notTaken = all.slice(0, MAX_NOT_TAKEN).map((op) => toldChange(parts, op, label));
  return { notTaken, notTakenInAll: all.length };
}

/** That this router was evicted: by what it holds itself, or by what another one says while nobody else is there. */
export function goneWords({
  replica,
  key,
  directory,
  network,
  evictionNews,
  notTaken,
}: Parts): string | undefined {
  const then = 'hedgerow leave --alone begins a home of its own';
  if (replica.member(key.peer)?.evicted !== undefined) {
    const lost = notTaken?.list(key.peer).length ?? 0;
    const changes = lost === 1 ? '1 change' : `${lost} changes`;
    const untold =
      lost === 0
        ? ''
        : `; ${changes} of this router ${lost === 1 ? 'was' : 'were'} not taken (hedgerow home tells)`;
    return `this router was evicted from its home, and may change nothing there${untold}: ${then}`;
  }
  const told = evictionNews?.now;
  // Those that shut their doors answer a handshake, and say nothing of what they hold.
  const isWithOthers = network
    .peers()
    .some(({ state, digestEqual }) => state === 'alive' && digestEqual !== undefined);
  if (told === undefined || isWithOthers) return undefined;
  const [by, author] = [told.by, told.author].map((peer) => directory.routerName(peer));
  return `${by} says that this router was evicted from its home${by === author ? '' : ` by ${author}`}: ${then}`;
}
