import type { Subject } from '../../policy/records.ts';
import { keyOf } from '../commands/pair.ts';
import { livePolicies } from '../commands/standing.ts';
import type { Parts } from '../parts.ts';
import { type PolicyView, PolicyViews } from './policies.ts';

/** One group as a person is shown it. */
export interface GroupView {
  readonly name: string;
  readonly members: readonly { readonly subject: Subject; readonly label: string }[];
  /** The blocks and allows that are about it. */
  readonly policies: readonly PolicyView[];
}

/** Every group, by name. */
export function groupsView(parts: Parts): GroupView[] {
  const views = new GroupViews(parts);
  return [...parts.directory.groups().keys()].map((name) => views.of(name));
}

/** Shows groups. One for each answer. */
export class GroupViews {
  readonly #parts: Parts;
  readonly #policies: PolicyViews;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#policies = new PolicyViews(parts);
  }

  of(name: string): GroupView {
    const { directory } = this.#parts;
    const members = directory.groups().get(name)?.members ?? [];
    const bySubject = new Map(members.map(({ subject }) => [keyOf(subject), subject]));
    const isAbout = (subject: Subject) => subject.kind === 'group' && subject.group === name;
    return {
      name,
      members: [...bySubject.values()].map((subject) => ({ subject, label: directory.label(subject) })),
      policies: [...livePolicies(this.#parts, 'block'), ...livePolicies(this.#parts, 'allow')]
        .filter(({ record }) => isAbout(record.a) || isAbout(record.b))
        .map((live) => this.#policies.of(live)),
    };
  }
}
