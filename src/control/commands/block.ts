import { UsageError } from '../../errors.ts';
import type { Live } from '../../policy/contents.ts';
import { guardCheck } from '../../policy/guard.ts';
import type { Subject, Terms } from '../../policy/records.ts';
import type { Parts } from '../parts.ts';
import { routerWords } from '../views/own-traffic.ts';
import { PolicyViews } from '../views/policies.ts';
import { termsInWords } from '../views/terms.ts';
import { type ChangeRequest, type ChangeView, changeView, writeSteps } from './change.ts';
import { learn } from './learn.ts';
import { isNear, keyOf, only, type Pair, resolvePair } from './pair.ts';
import { type Replacing, recordIds, replacing, type Wanted } from './replacing.ts';
import {
  addressesOf,
  idsOf,
  type LivePolicy,
  type Policy,
  type PolicyKind,
  samePair,
  standing,
} from './standing.ts';
import { type TermsRequest, termsOf } from './terms.ts';
import { refuseUnconfirmed, sharedBy, wideness } from './wide.ts';

export interface PolicyRequest extends ChangeRequest, TermsRequest {
  readonly first: string;
  readonly second?: string | undefined;
  /** It is meant so, however wide it is. */
  readonly confirm?: boolean | undefined;
  /** The address from which a person is logged in. */
  readonly from?: string | undefined;
}

const GUARDED = 'is guarded: this router and the others always stay reachable from the home';
const NAME_OF_NOBODY = 'no address is known for it yet: it bites as soon as any router sees one';

/** An allow is written for each id of both classes as they are now, because allows never widen; so many at most. */
const MAX_ALLOWS = 64;

/** Blocks a pair. What is blocked already just so is not blocked again; other terms take the place of those before. */
export async function block(parts: Parts, request: PolicyRequest): Promise<ChangeView> {
  return await put(parts, 'block', request);
}

/** Makes an exception to wider blocks; what was blocked for just this pair is lifted. */
export async function allow(parts: Parts, request: PolicyRequest): Promise<ChangeView> {
  return await put(parts, 'allow', request);
}

/** A device, or a group of them, without the internet for a while. What holds longer stays as it is. */
export async function pause(
  parts: Parts,
  request: ChangeRequest &
    Pick<PolicyRequest, 'confirm' | 'from' | 'for' | 'until' | 'reason'> & { what: string },
): Promise<ChangeView> {
  const { what, ...rest } = request;
  return await put(parts, 'block', { ...rest, ...withInternet(parts, what) }, false);
}

/** A device, or a group of them, with the internet for a while, whatever its schedule says. */
export async function bonus(
  parts: Parts,
  request: ChangeRequest & Pick<PolicyRequest, 'reason'> & { what: string; for: string },
): Promise<ChangeView> {
  const { what, ...rest } = request;
  return await put(parts, 'allow', { ...rest, ...withInternet(parts, what) }, false);
}

function withInternet({ directory }: Parts, what: string): { first: string; second: string } {
  const one = only(directory, what);
  if (isNear(directory, one.subject)) return { first: what, second: 'internet' };
  throw new UsageError(`${one.label} is no device of this home and no group of devices`, {
    hint: 'hedgerow devices and hedgerow group list them',
  });
}

async function put(
  parts: Parts,
  kind: PolicyKind,
  request: PolicyRequest,
  mayShorten = request.trial === undefined,
): Promise<ChangeView> {
  const pair = resolvePair(parts.directory, request.first, request.second);
  const terms = termsOf(parts, request);
  const asks = kind === 'block' && request.confirm !== true;
  const wide = asks ? wideness(parts, pair, request.from) : undefined;
  if (!request.dryRun) refuseUnconfirmed(wide);
  await learn(parts, [pair.b.subject]);
  const found = replacingPair(parts, { kind, terms, mayShorten }, pair);
  refuseUseless(pair, found);
  const { add, left } = recordsToAdd(parts, kind, pair, terms, found);
  const over = recordIds(found.over);
  const before = new PolicyViews(parts);
  const affected = kind === 'block' ? before.affectedBy(pair.b.subject) : { names: [], more: 0 };
  const shared = asks ? sharedBy(pair, affected) : undefined;
  if (!request.dryRun && add.length > 0) refuseUnconfirmed(shared);
  const asked = [wide, shared].flatMap((why) =>
    why === undefined ? [] : [`it would be asked about: ${why}`],
  );
  const outcome = {
    changed: over.length + add.length > 0,
    policies: found.already.map((live) => before.of(live)),
    replaced: found.over.map((live) => before.of(live)),
    alsoAffects: affected.names,
    alsoAffectsMore: affected.more,
    notes: [...notesOf(parts, kind, pair, found, left), ...asked],
  };
  if (!outcome.changed) return changeView(parts, request, outcome);
  if (request.dryRun) {
    const drafts = add.map((record) => before.draft(record, request.by));
    return changeView(parts, request, { ...outcome, policies: [...outcome.policies, ...drafts] });
  }
  const { added, answers } = await writeSteps(parts, request, [{ over, add }]);
  const made = added.flatMap((id) => parts.replica.live.get(id) ?? []);
  const now = new PolicyViews(parts);
  const past = [...found.already, ...made].flatMap(
    ({ id, record }) => now.pastRules(id) ?? ownNote(parts, pair, record) ?? [],
  );
  return changeView(parts, request, {
    ...outcome,
    notes: [...outcome.notes, ...new Set(past)],
    policies: [...found.already, ...made].map((live) => now.of(live)),
    answers,
  });
}

/** What a policy about a router itself comes to on this one. */
function ownNote(parts: Parts, { a }: Pair, record: Live['record']): string | undefined {
  if (a.subject.kind !== 'router' || (record.kind !== 'block' && record.kind !== 'allow')) return undefined;
  if (a.subject.peer !== parts.key.peer) return `${a.label} enforces it, if enforce.ownTraffic is on there`;
  return routerWords(parts, record);
}

/** Of blocks only what was written for just this pair counts as the same; an allow has a record for each id. */
function replacingPair(parts: Parts, wanted: Wanted, { a, b }: Pair): Replacing {
  const pair = { a: a.subject, b: b.subject };
  const other = wanted.kind === 'block' ? 'allow' : 'block';
  return replacing(
    wanted,
    standing(parts, wanted.kind, pair, wanted.kind === 'block' ? 'exact' : 'node'),
    standing(parts, other, pair, 'node'),
    (live) => parts.force(live).ended,
  );
}

function refuseUseless({ a, b }: Pair, { inTheWay: [block] }: Replacing): void {
  if (block === undefined) return;
  throw new UsageError(
    `${a.label} – ${b.label} is blocked for good, and nothing would block it again afterwards`,
    {
      hint: `lift it with: hedgerow unblock ${block.id.slice(0, 8)}, or give it a schedule, to which an exception for a time is one`,
    },
  );
}

/** What has to be written beside what holds already, and how many records there is no room for. */
function recordsToAdd(
  parts: Parts,
  kind: PolicyKind,
  { a, b }: Pair,
  terms: Terms,
  { already }: Replacing,
): { add: Policy[]; left: number } {
  if (kind === 'block') {
    const apart = parts.apart([a.subject, b.subject]);
    const record: Policy = { kind, a: a.subject, b: b.subject, terms, apart };
    return { add: already.length > 0 ? [] : [record], left: 0 };
  }
  const pairs = spelled(parts, a.subject)
    .flatMap((near) => spelled(parts, b.subject).map((far) => ({ a: near, b: far })))
    .filter((pair) => !already.some(({ record }) => samePair(record, pair)));
  const add = pairs.slice(0, MAX_ALLOWS).map((pair): Policy => ({ kind, ...pair, terms }));
  return { add, left: pairs.length - add.length };
}

/**
 * Every way in which a node is written now. A domain stands for the addresses that it answers with, not for each of them
 * by itself: who has such an address tomorrow was not meant.
 */
function spelled(parts: Parts, subject: Subject): Subject[] {
  const subjects = new Map([[keyOf(subject), subject]]);
  for (const id of idsOf(parts, subject)) {
    const node = parts.directory.observed(id);
    const device = node?.device ?? subject.kind === 'device';
    if (subject.kind === 'domain' && !device && !node?.domains.some((domain) => domain !== subject.domain))
      continue;
    const one: Subject = { kind: device ? 'device' : 'remote', id };
    subjects.set(keyOf(one), one);
  }
  return [...subjects.values()];
}

function notesOf(parts: Parts, kind: PolicyKind, pair: Pair, found: Replacing, left: number): string[] {
  const notes: string[] = [];
  const { a, b } = pair;
  const isNode = ['device', 'remote', 'domain'].includes(b.subject.kind);
  if (kind === 'block' && isNode) {
    const addresses = addressesOf(parts, b.subject);
    const guarded = addresses.find(guardCheck(parts.blockSet().guard));
    if (addresses.length === 0) notes.push(`${b.label}: ${NAME_OF_NOBODY}`);
    if (guarded !== undefined)
      notes.push(`${b.label === guarded ? '' : `${b.label}: `}${guarded} ${GUARDED}`);
  }
  const words = (live: LivePolicy) => termsInWords(parts, live) || 'until it is lifted';
  for (const live of found.over) {
    const verb =
      live.record.kind === kind
        ? 'its terms change; before'
        : `takes the place of a policy to ${live.record.kind}`;
    notes.push(`${a.label} – ${b.label}: ${verb}: ${words(live)}`);
  }
  for (const live of found.already) notes.push(`${a.label} – ${b.label}: stays as it is: ${words(live)}`);
  if (left > 0)
    notes.push(`${a.label} – ${b.label}: it is the same node under many names; ${left} were left out`);
  return notes;
}
