import { UsageError } from '../../errors.ts';
import type { RecordId } from '../../policy/block-set.ts';
import type { Live } from '../../policy/contents.ts';
import type { BlockRecord, Record, Subject, Terms } from '../../policy/records.ts';
import type { Step } from '../author.ts';
import { type Group, groupsNamed, RESERVED_WORDS } from '../group-book.ts';
import type { Parts } from '../parts.ts';
import { type GroupView, GroupViews } from '../views/groups.ts';
import { type ChangeRequest, writeSteps } from './change.ts';
import { learn } from './learn.ts';
import { keyOf, only } from './pair.ts';
import { idsOf } from './standing.ts';
import { type Written, written } from './written.ts';

export interface GroupRequest extends ChangeRequest {
  readonly group: string;
  readonly subjects: readonly string[];
}

/** The answer to a change of a group. */
export interface GroupChangeView extends Written {
  readonly changed: boolean;
  /** The group as it is now; with `dryRun` as it was. */
  readonly group: GroupView;
  /** Who was put in or taken out. */
  readonly members: readonly string[];
}

/** Letters and digits of any script, `-`, `_` and blanks inside; 1 to 32. */
const NAME = /^[\p{L}\p{N}_](?:[\p{L}\p{N}_ -]{0,30}[\p{L}\p{N}_-])?$/u;
const MEMBERS: readonly Subject['kind'][] = ['device', 'remote', 'domain', 'pattern', 'network'];

/** Puts nodes, domains, patterns or networks into a group; the first one makes it. */
export async function addToGroup(parts: Parts, request: GroupRequest): Promise<GroupChangeView> {
  const name = nameFor(parts, request.group);
  const held = new Set(membersOf(parts, name).map(({ subject }) => keyOf(subject)));
  const joining = request.subjects.map((text) => only(parts.directory, text));
  for (const { subject, label } of joining) {
    if (MEMBERS.includes(subject.kind)) continue;
    throw new UsageError(`${label} cannot be in a group`, {
      hint: 'a group is made of devices, domains, patterns, addresses and networks',
    });
  }
  const fresh = new Map(joining.map((match) => [keyOf(match.subject), match]));
  for (const key of held) fresh.delete(key);
  await learn(
    parts,
    [...fresh.values()].map(({ subject }) => subject),
  );
  const steps = [...fresh.values()].map(
    ({ subject }): Step => ({ over: [], add: [{ kind: 'in', group: name, node: subject }] }),
  );
  const members = [...fresh.values()].map(({ label }) => label);
  return await change(parts, request, name, members, steps);
}

/**
 * Takes nodes out of a group. The group's blocks are written anew, naming the memberships that ended: a block that some
 * router made without knowing of this still covers the node (policy.md, "Subjects").
 */
export async function removeFromGroup(parts: Parts, request: GroupRequest): Promise<GroupChangeView> {
  const { name } = existing(parts, request.group);
  const members = membersOf(parts, name);
  const leaving = new Map<RecordId, string>();
  for (const text of request.subjects) {
    const { subject, label } = only(parts.directory, text);
    const ids = idsOf(parts, subject);
    const own = members.filter(
      (member) =>
        keyOf(member.subject) === keyOf(subject) ||
        idsOf(parts, member.subject).some((id) => ids.includes(id)),
    );
    if (own.length === 0) {
      throw new UsageError(`${label} is not in the group ${name}`, {
        hint: `hedgerow group "${name}" lists who is`,
      });
    }
    for (const { id, subject: member } of own) leaving.set(id, parts.directory.label(member));
  }
  const over = [...leaving.keys()];
  const steps: Step[] = [{ over, add: [] }];
  for (const live of parts.replica.live.values()) {
    if (isBlockOf(live, name) && !parts.force(live).ended)
      steps.push({ over: [live.id], add: [apartFrom(parts, live, over)] });
  }
  return await change(parts, request, name, [...new Set(leaving.values())], steps);
}

/** The single group that a text means. UsageError when there is none, or several that differ in capitals only. */
export function existing(parts: Parts, text: string): Group {
  const groups = parts.directory.groups();
  const found = groupsNamed(groups, text.replace(/^group:/i, '').trim());
  const [group] = found;
  if (group === undefined) {
    throw new UsageError(`there is no group "${text}"`, {
      hint: 'hedgerow group lists them; hedgerow group add <name> <device> makes one',
    });
  }
  if (found.length === 1) return group;
  throw new UsageError(`"${text}" may be ${found.map(({ name }) => `"${name}"`).join(' or ')}`, {
    hint: 'two routers made them apart; write one of them just so',
  });
}

function nameFor(parts: Parts, text: string): string {
  const wanted = text.replace(/^group:/i, '').trim();
  if (groupsNamed(parts.directory.groups(), wanted).length > 0) return existing(parts, wanted).name;
  if (!NAME.test(wanted) || RESERVED_WORDS.includes(wanted.toLowerCase())) {
    throw new UsageError(`"${wanted.slice(0, 40)}" cannot be the name of a group`, {
      hint: `use 1 to 32 letters, digits, "-", "_" and blanks inside; not ${RESERVED_WORDS.join(', ')}`,
    });
  }
  return wanted;
}

function membersOf({ directory }: Parts, name: string): Group['members'] {
  return directory.groups().get(name)?.members ?? [];
}

async function change(
  parts: Parts,
  request: GroupRequest,
  name: string,
  members: readonly string[],
  steps: readonly Step[],
): Promise<GroupChangeView> {
  const { dryRun } = request;
  const { answers } = dryRun ? { answers: [] } : await writeSteps(parts, request, steps);
  return {
    ...written(parts, { dryRun, answers, notes: [] }),
    changed: steps.length > 0,
    group: new GroupViews(parts).of(name),
    members,
  };
}

function isBlockOf(live: Live, group: string): live is Live<BlockRecord> {
  if (live.record.kind !== 'block') return false;
  return [live.record.a, live.record.b].some((side) => side.kind === 'group' && side.group === group);
}

/** The block as it goes on without those who left, for the time that it still has. */
function apartFrom(parts: Parts, live: Live<BlockRecord>, left: readonly RecordId[]): Record {
  const { record } = live;
  const terms = { ...record.terms, ...remaining(parts, live) };
  return { ...record, terms, apart: [...new Set([...record.apart, ...left])] };
}

/** A count begins anew with a new record: what is left, or all of it where that cannot be told. Never less. */
function remaining(parts: Parts, live: Live<BlockRecord>): Pick<Terms, 'for'> {
  if (live.record.terms.for === undefined) return {};
  const { why } = parts.force(live);
  if (why.kind === 'counted') return { for: Math.ceil(why.leftS) };
  if (why.kind === 'until') return { for: Math.max(1, Math.ceil((why.at - parts.clock.now()) / 1000)) };
  return {};
}
