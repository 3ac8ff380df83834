import { UsageError } from '../../errors.ts';
import type { NodeId } from '../../policy/block-set.ts';
import { domainNodeId } from '../../policy/identity.ts';
import type { Record, Subject } from '../../policy/records.ts';
import type { Parts } from '../parts.ts';
import { type ChangeRequest, writeSteps } from './change.ts';
import { only } from './pair.ts';
import { type Written, written } from './written.ts';

/** The answer to a merge or a split. */
export interface SameView extends Written {
  readonly changed: boolean;
  readonly x: { readonly id: NodeId; readonly label: string };
  readonly y: { readonly id: NodeId; readonly label: string };
}

interface Named {
  readonly id: NodeId;
  readonly device: boolean;
  readonly label: string;
}

/** So many nodes a split takes one apart from at once. */
const MAX_APART = 64;

/** Says that two nodes are one: what holds for either holds for both. */
export async function mergeNodes(
  parts: Parts,
  request: ChangeRequest & { first: string; second: string },
): Promise<SameView> {
  const [x, y] = [named(parts, request.first), named(parts, request.second)];
  if (x.device !== y.device) {
    throw new UsageError(`${x.label} and ${y.label} cannot be one: one is a device of the home, one is not`);
  }
  const classes = parts.identity();
  if (classes.shown(x.id).has(y.id)) return view(parts, request, x, y, false);
  const [mine, theirs] = [classes.shown(x.id), classes.shown(y.id)];
  const over = edges(parts, 'distinct')
    .filter(({ record }) => joins(record, mine, theirs))
    .map(({ id }) => id);
  return await write(parts, request, x, y, { over, add: [{ kind: 'same', x: x.id, y: y.id }] });
}

/**
 * Takes a node out of what it was merged with, or says for good that two nodes are not one. Blocks go on for both halves,
 * until somebody who knows of the split changes them.
 */
export async function splitNodes(
  parts: Parts,
  request: ChangeRequest & { first: string; second?: string | undefined },
): Promise<SameView> {
  const x = named(parts, request.first);
  const classes = parts.identity();
  const mine = classes.shown(x.id);
  const other = request.second === undefined ? [...mine].find((id) => id !== x.id) : undefined;
  if (request.second === undefined && other === undefined) {
    throw new UsageError(`${x.label} is not merged with anything`, {
      hint: 'hedgerow nodes --json lists the ids of each node; name the two that are not one',
    });
  }
  const y = other === undefined ? named(parts, request.second ?? '') : labelled(parts, other);
  if (x.id === y.id) throw new UsageError(`${x.label} cannot be split from itself`);
  // What observation alone ties to the node goes with it, unless that is the very thing to be split off.
  const close =
    request.second !== undefined && classes.derived(x.id).has(y.id) ? new Set([x.id]) : classes.derived(x.id);
  const cut = edges(parts, 'same').filter(({ record }) => close.has(record.x) !== close.has(record.y));
  const ends = new Set(cut.map(({ record }) => (close.has(record.x) ? record.y : record.x)));
  if (request.second !== undefined) ends.add(y.id);
  else if (cut.length === 0) for (const id of mine) if (id !== x.id) ends.add(id);
  const held = edges(parts, 'distinct');
  const add = [...ends]
    .filter((id) => !held.some(({ record }) => joins(record, new Set([x.id]), new Set([id]))))
    .slice(0, MAX_APART)
    .map((id): Record => ({ kind: 'distinct', x: x.id, y: id }));
  const over = cut.map(({ id }) => id);
  if (over.length + add.length === 0) return view(parts, request, x, y, false);
  return await write(parts, request, x, y, { over, add });
}

async function write(
  parts: Parts,
  request: ChangeRequest,
  x: Named,
  y: Named,
  step: { readonly over: readonly string[]; readonly add: readonly Record[] },
): Promise<SameView> {
  if (request.dryRun) return view(parts, request, x, y, true);
  const { answers } = await writeSteps(parts, request, [step]);
  return { ...view(parts, request, x, y, true), ...written(parts, { dryRun: false, answers, notes: [] }) };
}

function view(parts: Parts, { dryRun }: ChangeRequest, x: Named, y: Named, changed: boolean): SameView {
  const short = ({ id, label }: Named) => ({ id, label });
  return {
    changed,
    x: short(x),
    y: short(y),
    ...written(parts, { dryRun, answers: [], notes: [] }),
  };
}

function named(parts: Parts, text: string): Named {
  const { subject, label } = only(parts.directory, text);
  if (subject.kind === 'device' || subject.kind === 'remote')
    return { id: subject.id, device: subject.kind === 'device', label };
  if (subject.kind === 'domain')
    return { id: domainNodeId(parts.crypto, parts.replica.home, subject.domain), device: false, label };
  throw new UsageError(`${label} is no node`, { hint: 'devices, domains and addresses are' });
}

function labelled(parts: Parts, id: NodeId): Named {
  const device = parts.directory.node(id)?.device ?? true;
  const subject: Subject = { kind: device ? 'device' : 'remote', id };
  return { id, device, label: parts.directory.label(subject) };
}

type Tie = Extract<Record, { kind: 'same' | 'distinct' }>;

function edges(parts: Parts, kind: Tie['kind']): { id: string; record: Tie }[] {
  return [...parts.replica.edges()].flatMap(([id, { record, live }]) =>
    live && record.kind === kind ? [{ id, record }] : [],
  );
}

function joins({ x, y }: Tie, a: ReadonlySet<NodeId>, b: ReadonlySet<NodeId>): boolean {
  return (a.has(x) && b.has(y)) || (a.has(y) && b.has(x));
}
