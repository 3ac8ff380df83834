import { UsageError } from '../../errors.ts';
import { isTrial } from '../../policy/terms.ts';
import type { Step } from '../author.ts';
import type { Parts } from '../parts.ts';
import { PolicyViews } from '../views/policies.ts';
import { isNamed } from '../views/shown.ts';
import { type ChangeRequest, type ChangeView, changeView, writeSteps } from './change.ts';
import { recordIds, replacing } from './replacing.ts';
import { type LivePolicy, livePolicies, type PolicyKind, standing } from './standing.ts';
import { isTimed } from './terms.ts';

/**
 * Makes a trial last: the newest one, or a policy that ends by itself, by the beginning of its id. Safe at any moment:
 * until this is written the trial ends by itself on every router.
 */
export async function confirm(
  parts: Parts,
  request: ChangeRequest & { id?: string | undefined },
): Promise<ChangeView> {
  const found = request.id === undefined ? newestTrial(parts) : named(parts, request.id);
  const before = new PolicyViews(parts);
  const replaced = found.map((live) => before.of(live));
  if (request.dryRun) {
    const policies = found.map(({ record }) => before.draft(untimed(record), request.by));
    return changeView(parts, request, { changed: true, policies, replaced });
  }
  const { added, answers } = await writeSteps(
    parts,
    request,
    found.map((live) => lasting(parts, live)),
  );
  const now = new PolicyViews(parts);
  const policies = added.flatMap((id) => parts.replica.live.get(id) ?? []).map((live) => now.of(live));
  return changeView(parts, request, { changed: true, policies, replaced, answers });
}

/** One policy instead of another that ended by itself, with all that a lasting one retires. */
function lasting(parts: Parts, live: LivePolicy): Step {
  const record = untimed(live.record);
  const { terms } = record;
  const other: PolicyKind = record.kind === 'block' ? 'allow' : 'block';
  const { already, over } = replacing(
    { kind: record.kind, terms, mayShorten: true },
    standing(parts, record.kind, record, 'exact').filter(({ id }) => id !== live.id),
    standing(parts, other, record, 'node'),
    (one) => parts.force(one).ended,
  );
  return {
    over: [live.id, ...recordIds(over)],
    add: already.length > 0 ? [] : [record],
  };
}

function untimed(record: LivePolicy['record']): LivePolicy['record'] {
  return { ...record, terms: { ...record.terms, for: undefined, until: undefined } };
}

function running(parts: Parts): LivePolicy[] {
  return [...livePolicies(parts, 'block'), ...livePolicies(parts, 'allow')].filter(
    (live) => isTimed(live.record.terms) && !parts.force(live).ended,
  );
}

/** All that was tried by one command. */
function newestTrial(parts: Parts): LivePolicy[] {
  const trials = running(parts).filter(({ record }) => isTrial(record.terms));
  const newest = trials.sort((x, y) => y.op.at - x.op.at || (x.id < y.id ? 1 : -1))[0];
  if (newest !== undefined) return trials.filter(({ op }) => op.id === newest.op.id);
  throw new UsageError('no trial is running', {
    hint: 'it may have ended by itself; hedgerow policies shows what is in force',
  });
}

function named(parts: Parts, id: string): LivePolicy[] {
  const found = running(parts).filter((live) => isNamed(live.id, id));
  if (found.length > 0) return found;
  throw new UsageError(`no policy that ends by itself has an id that begins with "${id}"`, {
    hint: 'hedgerow policies lists them; what has ended has to be made again',
  });
}
