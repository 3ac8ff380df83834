import type { RecordId } from '../policy/block-set.ts';
import type { Subject } from '../policy/records.ts';
import { subjectsOf } from '../policy/references.ts';
import type { Replica } from '../policy/replica.ts';

/** A group: its name as it was written, and who is in it. */
export interface Group {
  readonly name: string;
  /** The live `in` records; two routers may have put the same node in. */
  readonly members: readonly { readonly id: RecordId; readonly subject: Subject }[];
}

/** These words mean something else. */
export const RESERVED_WORDS: readonly string[] = ['home', 'lan', 'internet', 'all'];

/**
 * The groups of the home by name, in order. A group is there while something is in it or a policy is about it: what is
 * blocked must stay nameable. Costs a walk over the live records.
 */
export function groupsOf(replica: Replica): ReadonlyMap<string, Group> {
  const members = new Map<string, { id: RecordId; subject: Subject }[]>();
  for (const { id, record } of replica.live.values()) {
    if (record.kind === 'in') {
      members.set(record.group, [...(members.get(record.group) ?? []), { id, subject: record.node }]);
      continue;
    }
    for (const subject of subjectsOf(record)) {
      if (subject.kind === 'group' && !members.has(subject.group)) members.set(subject.group, []);
    }
  }
  return new Map(
    [...members]
      .sort(([x], [y]) => (x < y ? -1 : 1))
      .map(([name, of]) => [name, { name, members: of.sort((x, y) => (x.id < y.id ? -1 : 1)) }]),
  );
}

/** The groups that a person may mean: the one written just so, else all that differ in capitals only. */
export function groupsNamed(groups: ReadonlyMap<string, Group>, text: string): Group[] {
  const exact = groups.get(text);
  if (exact !== undefined) return [exact];
  return [...groups.values()].filter(({ name }) => name.toLowerCase() === text.toLowerCase());
}
