import { UsageError } from '../../errors.ts';
import type { NodeId } from '../../policy/block-set.ts';
import type { Live } from '../../policy/contents.ts';
import type { Record, Subject } from '../../policy/records.ts';
import type { Parts } from '../parts.ts';
import { PolicyViews } from '../views/policies.ts';
import { type ChangeRequest, type ChangeView, changeView, writeSteps } from './change.ts';
import { keyOf, only } from './pair.ts';
import { idsOf } from './standing.ts';

type Ignore = Live<Extract<Record, { kind: 'ignore' }>>;

const KINDS: readonly Subject['kind'][] = ['device', 'remote', 'domain', 'group'];

/** Leaves the flows of a node out of what is shown by default. They are counted and enforced all the same. */
export async function ignore(parts: Parts, request: ChangeRequest & { what: string }): Promise<ChangeView> {
  const { subject, label } = only(parts.directory, request.what);
  if (!KINDS.includes(subject.kind)) {
    throw new UsageError(`${label} cannot be ignored`, { hint: 'nodes, domains and groups can' });
  }
  const held = ignores(parts).filter(({ record }) => keyOf(record.node) === keyOf(subject));
  const before = new PolicyViews(parts);
  const changed = held.length === 0;
  if (!changed || request.dryRun) {
    return changeView(parts, request, { changed, policies: held.map((live) => before.of(live)) });
  }
  const add: Record[] = [{ kind: 'ignore', node: subject }];
  const { added, answers } = await writeSteps(parts, request, [{ over: [], add }]);
  const now = new PolicyViews(parts);
  const policies = added.flatMap((id) => parts.replica.live.get(id) ?? []).map((live) => now.of(live));
  return changeView(parts, request, { changed, policies, answers });
}

/** Shows the flows of a node again, under whichever of its names it was ignored. */
export async function unignore(parts: Parts, request: ChangeRequest & { what: string }): Promise<ChangeView> {
  const { subject, label } = only(parts.directory, request.what);
  const ids = idsOf(parts, subject);
  const found = ignores(parts).filter(
    ({ record }) =>
      keyOf(record.node) === keyOf(subject) || idsOf(parts, record.node).some((id) => ids.includes(id)),
  );
  if (found.length === 0) {
    throw new UsageError(`${label} is not ignored`, { hint: 'hedgerow policies lists what is' });
  }
  const before = new PolicyViews(parts);
  const policies = found.map((live) => before.of(live));
  if (request.dryRun) return changeView(parts, request, { changed: true, policies });
  const { answers } = await writeSteps(parts, request, [{ over: found.map(({ id }) => id), add: [] }]);
  return changeView(parts, request, { changed: true, policies, answers });
}

/** The nodes whose flows are left out. */
export function ignoredNodes(parts: Parts): ReadonlySet<NodeId> {
  const nodes = new Set<NodeId>();
  const add = (subject: Subject): void => {
    for (const id of idsOf(parts, subject)) nodes.add(id);
  };
  const groups = parts.directory.groups();
  for (const { record } of ignores(parts)) {
    if (record.node.kind !== 'group') add(record.node);
    else for (const { subject } of groups.get(record.node.group)?.members ?? []) add(subject);
  }
  return nodes;
}

function ignores(parts: Parts): Ignore[] {
  return [...parts.replica.live.values()].filter((live): live is Ignore => live.record.kind === 'ignore');
}
