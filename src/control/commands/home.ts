import { UsageError } from '../../errors.ts';
import { fromHex, toHex } from '../../policy/crypto.ts';
import { homeIdOf } from '../../policy/genesis.ts';
import type { Record } from '../../policy/records.ts';
import { decodeBundle, encodeBundle, type HomeFile } from '../../store/home-file.ts';
import type { Parts } from '../parts.ts';
import { several } from '../views/held-words.ts';
import { isShown } from '../views/shown.ts';
import { signerOf } from './signer.ts';

/** The answer to `home create`. */
export interface CreatedView {
  readonly id: string;
  readonly name: string;
  /** Only the first time: the home's most senior key, to be kept on paper; it is on no router after this. */
  readonly recoveryKey: string | undefined;
}

/** Names the home of this router and hands out its recovery key, once. */
export async function createHome(
  parts: Parts,
  request: { by: string; name: string; dryRun?: boolean },
): Promise<CreatedView> {
  const { replica, author, home } = parts;
  const older = [...replica.live.values()].filter(
    ({ record }) => record.kind === 'name' && record.of.kind === 'home',
  );
  if (request.dryRun === true) return { id: replica.home, name: request.name, recoveryKey: undefined };
  const name: Record = { kind: 'name', of: { kind: 'home' }, text: request.name };
  await author.write({ by: request.by, over: older.map(({ id }) => id), add: [name] }, false);
  const { recoverySeed, ...file } = home.read();
  if (recoverySeed !== undefined) home.write(file);
  return {
    id: replica.home,
    name: request.name,
    recoveryKey: recoverySeed?.match(/.{1,8}/g)?.join('-'),
  };
}

/** The answer to `home add`: what the new router needs. A secret; empty when it was only tried. */
export interface AddedView {
  /** False when it was a member already; the bundle is as good. */
  readonly changed: boolean;
  readonly peer: string;
  /** It was this router itself, which needs nothing. */
  readonly self: boolean;
  /** It was a member, and is an admin now. */
  readonly promoted: boolean;
  readonly bundle: string;
}

export interface AddRequest {
  readonly by: string;
  readonly peer: string;
  readonly name?: string | undefined;
  /** Undefined: an admin when it is new, and as it is when it is known. */
  readonly admin?: boolean | undefined;
  /** The recovery key as `home create` printed it; it signs in place of this router. */
  readonly recoveryKey?: string | undefined;
  readonly dryRun?: boolean | undefined;
}

/**
 * Admits a router to the home, or makes a member an admin. With the recovery key any router can that holds the home's file, also
 * itself. UsageError when this one may not, or when the key can be admitted no more.
 */
export async function addMember(parts: Parts, request: AddRequest): Promise<AddedView> {
  const { replica, author, key } = parts;
  const signer = signerOf(parts, request.recoveryKey, 'admit');
  const known = replica.member(request.peer);
  if (known?.evicted !== undefined) {
    throw new UsageError('this key was evicted from the home, which is final', {
      hint: 'give the router a new key: stop its agent and move its state folder away',
    });
  }
  if (known?.left) {
    throw new UsageError('the router with this key has left the home, which is final', {
      hint: 'hedgerow leave gave it a new key: hedgerow home on it shows that',
    });
  }
  if (known?.admin === true && request.admin === false) {
    throw new UsageError('this router is an admin already, which is not taken back', {
      hint: 'evict it, and admit it anew under a new key',
    });
  }
  const promoted = known !== undefined && !known.admin && request.admin === true;
  const view = {
    changed: known === undefined || promoted,
    peer: request.peer,
    self: request.peer === key.peer,
    promoted,
  };
  if (request.dryRun === true) return { ...view, bundle: '' };
  const add: Record[] = [];
  const over: string[] = [];
  if (view.changed) add.push({ kind: 'admit', peer: request.peer, admin: request.admin ?? true });
  if (request.name !== undefined && parts.directory.routerName(request.peer) !== request.name) {
    const router = { kind: 'router', peer: request.peer } as const;
    over.push(...parts.directory.namesOf(router).map(({ id }) => id));
    add.push({ kind: 'name', of: router, text: request.name });
  }
  if (add.length > 0) await author.write({ by: request.by, over, add, signer }, false);
  return { ...view, bundle: view.self ? '' : encodeBundle(bundleOf(parts, request.peer)) };
}

/** UsageError when this router may not admit others. */
export function refuseUnlessAdmin(parts: Parts): void {
  signerOf(parts, undefined, 'admit');
}

/** What a router needs that joins. */
export function bundleOf(parts: Parts, joining: string): HomeFile {
  const { replica, registers, network, home } = parts;
  const { genesis, psk } = home.read();
  const sponsors = replica
    .members()
    .filter(({ peer, depth }) => depth >= 0 && peer !== joining && replica.isMember(peer))
    .map(({ peer }) => peer);
  const listens = sponsors.flatMap((peer) => registers.card(peer)?.listens ?? []);
  return {
    genesis,
    psk,
    sponsors,
    bootstrap: [...new Set([...network.addresses(), ...listens])].slice(0, 50),
  };
}

/** The answer to `home join`: the agent begins anew right after it. */
export interface JoinedView {
  readonly id: string;
  /** False when this router was in that home already. */
  readonly changed: boolean;
}

/** Makes this router part of another home. What it blocks on its own is never dropped without being told to. */
export function joinHome(
  parts: Parts,
  request: { bundle: string; dropPolicies: boolean; dryRun?: boolean },
): JoinedView {
  const { replica, home, crypto } = parts;
  const file = decodeBundle(request.bundle);
  const id = homeIdOf(file.genesis, crypto);
  if (id === replica.home) return { id, changed: false };
  refuseToMove(parts, request.dropPolicies);
  if (request.dryRun !== true) home.replace(file);
  return { id, changed: true };
}

/** UsageError when this router cannot take up another home: it is in one with others, or would drop policies unasked. */
export function refuseToMove({ replica, key }: Parts, dropPolicies: boolean): void {
  const others = replica
    .members()
    .filter(({ peer, depth }) => depth >= 0 && peer !== key.peer && replica.isMember(peer));
  if (others.length > 0) {
    throw new UsageError(`this router is in a home with ${several(others.length, 'other')} already`, {
      hint: 'hedgerow leave first; a router belongs to one home',
    });
  }
  const policies = [...replica.live.values()].filter(({ record }) => isShown(record)).length;
  if (policies > 0 && !dropPolicies) {
    throw new UsageError(
      `this router has ${several(policies, 'policy', 'policies')} of its own, which the other home does not know`,
      {
        hint: 'make them again after joining and repeat this with --drop-policies (hedgerow policies lists them)',
      },
    );
  }
}

/** A member's key as a person may write it: 64 hex digits. */
export function parsePeerKey(text: string): string {
  const bytes = fromHex(text.trim().toLowerCase());
  if (bytes?.length !== 32) {
    throw new UsageError(`"${text.slice(0, 80)}" is not a router's key`, {
      hint: '`hedgerow home` on the new router shows it: 64 digits and letters a–f',
    });
  }
  return toHex(bytes);
}
