import { HedgerowError, TemporaryError, UsageError } from '../../errors.ts';
import { ANSWER_TIMEOUT_MS } from '../author.ts';
import type { Parts } from '../parts.ts';
import { several } from '../views/held-words.ts';
import { isShown } from '../views/shown.ts';
import { UNCONFIRMED } from './wide.ts';

export interface LeaveRequest {
  readonly by: string;
  readonly dryRun: boolean;
  /** It is meant so. */
  readonly confirm: boolean;
  /** Go also when no other router can be told: evicted, or the others are gone. */
  readonly alone: boolean;
}

/** The answer to `leave`: the agent begins anew right after it, in a home of its own. */
export interface LeftView {
  readonly dryRun: boolean;
  /** The home that it leaves; undefined when nobody named it. */
  readonly home: string | undefined;
  /** Policies of the home, which are not enforced on this router any more. */
  readonly policies: number;
  /** It was evicted before: there is nothing to tell. */
  readonly evicted: boolean;
  /** Routers that know of it. */
  readonly told: readonly string[];
}

/** So long the others get to say that they know, milliseconds. */
const TOLD_MS = 8_000;
const LOOK_MS = 100;

/**
 * This router goes by itself: it says so, waits until another one knows, and begins a home of its own with a new key. UsageError
 * when it must not, a ConfirmationError until `confirm`, TemporaryError when nobody can be told.
 */
export async function leave(parts: Parts, request: LeaveRequest): Promise<LeftView> {
  const { replica, key, directory, network, author, home } = parts;
  refuseToLeave(parts);
  const policies = [...replica.live.values()].filter(({ record }) => isShown(record)).length;
  const evicted = replica.member(key.peer)?.evicted !== undefined;
  const view = { dryRun: request.dryRun, home: directory.homeName(), policies, evicted };
  if (request.dryRun) return { ...view, told: [] };
  if (!request.confirm) {
    throw new HedgerowError(
      UNCONFIRMED,
      `this router leaves its home and stops enforcing its ${several(policies, 'policy', 'policies')}; what it wrote stays with the others`,
      { hint: 'if it is meant so, repeat it with --yes (in a request: "confirm": true)', exitCode: 64 },
    );
  }
  const known = () =>
    new Set(network.peers().flatMap((peer) => (peer.digestEqual === true ? [peer.peer] : [])));
  const isHere = replica.isMember(key.peer);
  const someone = network.peers().some(({ state }) => state === 'alive');
  if (!request.alone && (!isHere || !someone)) {
    const why = evicted ? ': it was evicted' : '';
    throw new TemporaryError(`no other router can be told that this one goes${why}`, {
      hint: evicted
        ? 'hedgerow leave --alone begins a home of its own'
        : 'when one can be reached, repeat it; or leave with --alone and evict this router on another one',
    });
  }
  const told = new Set<string>();
  if (isHere) {
    const { answers } = await author.write({ by: request.by, add: [{ kind: 'leave' }] }, someone);
    for (const { peer, applied } of answers) if (applied && peer !== key.peer) told.add(peer);
    for (let waited = ANSWER_TIMEOUT_MS; someone && told.size === 0 && waited < TOLD_MS; waited += LOOK_MS) {
      for (const peer of known()) told.add(peer);
      if (told.size === 0) await parts.clock.sleep(LOOK_MS);
    }
    if (told.size === 0 && !request.alone) {
      throw new TemporaryError('this router has said that it goes, but no other one has answered', {
        hint: 'hedgerow leave --alone ends it; if another router still lists this one then, evict it there',
      });
    }
  }
  home.leave();
  return { ...view, told: [...told].map((peer) => directory.routerName(peer)) };
}

function refuseToLeave({ replica, key, home }: Parts): void {
  const others = replica
    .members()
    .filter(({ peer, depth }) => depth >= 0 && peer !== key.peer && replica.isMember(peer));
  if (others.length === 0) {
    throw new UsageError('there is no other router in this home: nothing to leave', {
      hint: 'hedgerow join makes this router part of another home',
    });
  }
  if (home.read().recoverySeed !== undefined) {
    throw new UsageError('the recovery key of this home lies on this router, and nowhere else', {
      hint: 'hedgerow home create <name> hands it to you; then leave',
    });
  }
  const admin = replica.member(key.peer)?.admin === true && replica.isMember(key.peer);
  if (admin && !others.some((other) => other.admin)) {
    throw new UsageError(
      'this router is the only admin of its home: the others could never admit or evict anybody',
      {
        hint: 'admit another admin first: hedgerow invite',
      },
    );
  }
}
