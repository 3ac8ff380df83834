import { UsageError } from '../../errors.ts';
import type { Subject } from '../../policy/records.ts';
import type { Parts } from '../parts.ts';
import { PolicyViews } from '../views/policies.ts';
import { isNamed, shortId } from '../views/shown.ts';
import { type ChangeRequest, type ChangeView, changeView, writeSteps } from './change.ts';
import { widerPolicies } from './exceptions.ts';
import { coveringBlocks, liftingSteps } from './lifting.ts';
import { only, resolvePair } from './pair.ts';
import { type LivePolicy, livePolicies, type PolicyKind, standing } from './standing.ts';

export interface LiftRequest extends ChangeRequest {
  readonly first: string;
  readonly second?: string | undefined;
  /** Lift several policies, where there are several. */
  readonly all: boolean;
}

/**
 * Lifts the blocks of a pair, by whichever name either side is called: the domain, the node that has it, its address, any
 * of its class. Or one policy by the beginning of its id. More than one is lifted only with `all`.
 */
export async function unblock(parts: Parts, request: LiftRequest): Promise<ChangeView> {
  return await lift(parts, 'block', request);
}

/** The same for exceptions. What one `allow` wrote for all names of a node is one. */
export async function unallow(parts: Parts, request: LiftRequest): Promise<ChangeView> {
  return await lift(parts, 'allow', request);
}

async function lift(parts: Parts, kind: PolicyKind, request: LiftRequest): Promise<ChangeView> {
  const found = findPolicies(parts, kind, request.first, request.second);
  const views = new PolicyViews(parts);
  const policies = found.map((live) => views.of(live));
  const changes = new Set(found.map((live) => (kind === 'allow' ? live.op.id : live.id)));
  if (changes.size > 1 && !request.all) {
    const list = policies.map(({ id, a, b }) => `${shortId(id)} ${a.label} – ${b.label}`);
    throw new UsageError(`this would lift ${changes.size} policies: ${list.join('; ')}`, {
      hint: 'repeat it with --all, or name one of them by its id',
    });
  }
  if (request.dryRun) return changeView(parts, request, { changed: true, policies });
  const steps = liftingSteps(
    parts,
    found,
    byIdOf(parts, kind, request.first, request.second).length > 0
      ? []
      : pairsOf(parts, request.first, request.second),
  );
  const { answers } = await writeSteps(parts, request, steps);
  return changeView(parts, request, { changed: true, policies, answers });
}

/** The policies that a text or a pair stands for. UsageError when there are none, with what covers the pair instead. */
export function findPolicies(
  parts: Parts,
  kind: PolicyKind,
  first: string,
  second: string | undefined,
): LivePolicy[] {
  const byId = byIdOf(parts, kind, first, second);
  if (byId.length > 0) return byId;
  const pairs = pairsOf(parts, first, second);
  const all = pairs.flatMap((pair) => [
    ...standing(parts, kind, pair, 'address'),
    ...(kind === 'block' ? coveringBlocks(parts, pair) : []),
  ]);
  const found = new Map(all.map((live) => [live.id, live]));
  if (found.size === 0) throw nothing(parts, kind, pairs, [first, second ?? 'internet'].join(' '));
  return [...found.values()];
}

function byIdOf(parts: Parts, kind: PolicyKind, first: string, second: string | undefined): LivePolicy[] {
  return second === undefined ? livePolicies(parts, kind).filter(({ id }) => isNamed(id, first)) : [];
}

/** A group alone may have been meant with the internet or, when there were no devices in it, with the home. */
function pairsOf(parts: Parts, first: string, second: string | undefined): { a: Subject; b: Subject }[] {
  const { a, b } = resolvePair(parts.directory, first, second);
  const pair = { a: a.subject, b: b.subject };
  if (second !== undefined) return [pair];
  const { subject } = only(parts.directory, first);
  if (subject.kind !== 'group') return [pair];
  return [
    { a: subject, b: { kind: 'internet' } },
    { a: { kind: 'home' }, b: subject },
  ];
}

function nothing(
  parts: Parts,
  kind: PolicyKind,
  pairs: readonly { a: Subject; b: Subject }[],
  typed: string,
): UsageError {
  const [wider] = pairs.flatMap((pair) => widerPolicies(parts, kind, pair));
  if (wider === undefined || kind === 'allow') {
    return new UsageError(kind === 'block' ? 'no such block' : 'no such exception', {
      hint: `hedgerow policies lists what is ${kind === 'block' ? 'blocked' : 'allowed'}`,
    });
  }
  const { directory } = parts;
  const label = `${directory.label(wider.record.a)} – ${directory.label(wider.record.b)}`;
  return new UsageError(`no such block: it is a part of ${label} (${shortId(wider.id)})`, {
    hint: `make an exception with: hedgerow allow ${typed}, or lift all of it by its id`,
  });
}
