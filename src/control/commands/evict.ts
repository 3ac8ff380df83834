import { HedgerowError, UsageError } from '../../errors.ts';
import { randomHex } from '../../p2p/keys.ts';
import type { PeerKey } from '../../policy/crypto.ts';
import { bySeniority } from '../../policy/membership.ts';
import type { Head, OpId, Record } from '../../policy/records.ts';
import type { Replica } from '../../policy/replica.ts';
import type { Step } from '../author.ts';
import type { Parts } from '../parts.ts';
import { routerNamed } from '../router-named.ts';
import { type ChangeRequest, writeSteps } from './change.ts';
import { rehearseEviction, type Undone } from './evict-rehearsal.ts';
import { signerOf } from './signer.ts';
import { UNCONFIRMED } from './wide.ts';
import { type Written, written } from './written.ts';

export interface EvictRequest extends ChangeRequest {
  /** The router: its name or the beginning of its key. */
  readonly router: string;
  /** It is meant so. */
  readonly confirm: boolean;
  /** The beginning of the id of a change: of what came here from then on, nothing by that router counts any more. */
  readonly before?: string | undefined;
  /** The recovery key as `home create` printed it; it signs in place of this router. */
  readonly recoveryKey?: string | undefined;
}

/** The answer to `evict`. */
export interface EvictView extends Written, Undone {
  readonly router: string;
  readonly peer: PeerKey;
  /** False when it was evicted already. */
  readonly changed: boolean;
}

/** Heads to one record; an op holds at most 32 KiB. */
const MAX_HEADS = 400;
/** Changes that are looked through for an id. */
const MAX_LOOKED_THROUGH = 5_000;

/**
 * Ends the membership of a router, for ever and whatever it writes later (policy.md, "Eviction"). UsageError when this router
 * may not, or when it cannot be done; a ConfirmationError tells what it undoes until `confirm` says that it is meant so.
 */
export async function evict(parts: Parts, request: EvictRequest): Promise<EvictView> {
  const { replica, directory } = parts;
  const peer = routerNamed(knownRouters(parts, request.router), request.router);
  const signer = signerOf(parts, request.recoveryKey, 'evict');
  const by = signer?.key.peer ?? parts.key.peer;
  if (peer === parts.key.peer) {
    throw new UsageError('this router cannot evict itself', {
      hint: 'hedgerow leave makes it go; or evict it on another one',
    });
  }
  const member = replica.member(peer);
  const head = { router: directory.routerName(peer), peer };
  if (member?.evicted !== undefined && signer === undefined) {
    const notes = ['It was evicted already, which is final.'];
    return { ...head, ...NOTHING, ...result(parts, request, [], notes), changed: false };
  }
  const heads = headsOf(replica, peer, opNamed(replica, request.before));
  const steps = stepsOf(replica, peer, heads);
  const undone = rehearseEviction(parts, peer, signer ?? { key: parts.key, run: randomHex(16) }, steps);
  const notes = notesOn(parts, peer, by, undone);
  if (request.dryRun) return { ...head, ...undone, ...result(parts, request, [], notes), changed: true };
  if (!request.confirm) {
    throw new HedgerowError(UNCONFIRMED, `${inWords(head.router, undone)} ${notes.join(' ')}`, {
      hint: 'hedgerow evict --dry-run lists all; if it is meant so, repeat it with --yes (in a request: "confirm": true)',
      exitCode: 64,
    });
  }
  const { answers } = await writeSteps(parts, request, steps, signer);
  return { ...head, ...undone, ...result(parts, request, answers, notes), changed: true };
}

const NOTHING: Undone = { falls: [], returns: [], membersFall: [], membersReturn: [], admitted: [] };

function result(
  parts: Parts,
  { dryRun }: EvictRequest,
  answers: Parameters<typeof written>[1]['answers'],
  notes: string[],
) {
  return written(parts, { dryRun, answers, notes });
}

/** The routers that a text may mean: members; where it is none of them, also those that have left or were evicted. */
function knownRouters({ replica, directory }: Parts, text: string): { peer: PeerKey; name: string }[] {
  const word = text.toLowerCase();
  const members = directory.routers();
  if (members.some(({ peer, name }) => name.toLowerCase() === word || peer.startsWith(word))) return members;
  return replica
    .members()
    .filter(({ depth }) => depth >= 0)
    .map(({ peer }) => ({ peer, name: directory.routerName(peer) }));
}

function opNamed(replica: Replica, id: string | undefined): OpId | undefined {
  if (id === undefined) return undefined;
  const found = [...replica.recent(MAX_LOOKED_THROUGH)].filter((op) => op.id.startsWith(id.toLowerCase()));
  const [op] = found;
  if (op !== undefined && found.length === 1) return op.id;
  const how = found.length === 0 ? 'has an id that begins' : 'have ids that begin';
  throw new UsageError(`${found.length === 0 ? 'no change' : `${found.length} changes`} ${how} with ${id}`, {
    hint: 'hedgerow audit lists the changes and their ids',
  });
}

/** The heads of every run of a peer that are here; with `before`, of what was here when that op came. */
function headsOf(replica: Replica, peer: PeerKey, before: OpId | undefined): Head[] {
  const limit = before === undefined ? replica.size : (replica.placeOf(before) ?? replica.size);
  const heads = new Map<OpId, Head>();
  for (const actor of replica.heads([peer])) {
    for (const newest of actor.heads) {
      let at: { id: OpId; seq: number } | undefined = newest;
      while (at !== undefined && (replica.placeOf(at.id) ?? 0) >= limit) {
        const prev: OpId | undefined = replica.op(at.id)?.prev;
        at = prev === undefined ? undefined : { id: prev, seq: at.seq - 1 };
      }
      if (at !== undefined) heads.set(at.id, { run: actor.run, ...at });
    }
  }
  return [...heads.values()];
}

/**
 * As many records as the heads need. Runs whose records still live come first: while only the first op of several is known
 * somewhere, nothing is let through that is blocked.
 */
function stepsOf(replica: Replica, peer: PeerKey, heads: readonly Head[]): Step[] {
  const living = new Set(
    [...replica.live.values()].filter(({ op }) => op.peer === peer).map(({ op }) => op.run),
  );
  const sorted = [...heads].sort((x, y) => Number(living.has(y.run)) - Number(living.has(x.run)));
  const count = Math.max(1, Math.ceil(sorted.length / MAX_HEADS));
  return Array.from({ length: count }, (_, n) => {
    const some = sorted.slice(n * MAX_HEADS, (n + 1) * MAX_HEADS);
    const record: Record = { kind: 'evict', peer, heads: some };
    return { over: [], add: [record] };
  });
}

function notesOn(parts: Parts, peer: PeerKey, by: PeerKey, { admitted }: Undone): string[] {
  const { replica, directory, network } = parts;
  const notes = ['An eviction is final: this key never comes back, and no undo takes it back.'];
  const [target, evictor] = [replica.member(peer), replica.member(by)];
  if (target?.admin && evictor !== undefined && bySeniority(target, evictor) < 0) {
    notes.push(
      'It is senior to this router: whoever holds its key can still admit and evict others. With the recovery key (--recovery-key -) it could not.',
    );
  }
  const stays = admitted.filter(({ stays }) => stays).map(({ router }) => router);
  if (stays.length > 0) notes.push(`It admitted ${stays.join(', ')}: still in the home.`);
  const there = network.peers().find((other) => other.peer === peer);
  if (there !== undefined && (there.state !== 'alive' || there.digestEqual !== true))
    notes.push(
      'It is away or not in step: what was changed there and told nobody is not taken. There and where it comes to light, hedgerow home lists it.',
    );
  const behind = network
    .peers()
    .filter((other) => other.peer !== peer && other.digestEqual !== true)
    .map((other) => directory.routerName(other.peer));
  if (behind.length > 0)
    notes.push(`What it told only routers that are not in step now (${behind.join(', ')}) falls as well.`);
  return notes;
}

/** What it undoes, in a sentence. */
function inWords(router: string, { falls, returns, membersFall, membersReturn }: Undone): string {
  const count = (n: number, what: string, then: string) =>
    n === 0 ? [] : [`${n} ${what}${n === 1 ? '' : 's'} ${then}`];
  const all = [
    ...count(falls.length, 'record', 'of it would fall'),
    ...count(returns.length, 'record', 'that it lifted would return'),
    ...count(membersFall.length, 'other router', 'would be out'),
    ...count(membersReturn.length, 'router', 'would be back in'),
  ];
  return `this evicts ${router} from the home; ${all.length === 0 ? 'what it wrote stays' : all.join(', ')}.`;
}
