import { UsageError } from '../../errors.ts';
import { isWhole } from '../../local/flows/flow.ts';
import { OTHERS } from '../../local/history/row.ts';
import { type NodeId, ROUTER } from '../../policy/block-set.ts';
import { only } from '../commands/pair.ts';
import { idsOf } from '../commands/standing.ts';
import type { Parts } from '../parts.ts';
import { withEarlier } from './known-by-now.ts';

/** One end of a flow: a node; or several together, such as `internet`, whose id is that word. */
export interface EndView {
  readonly id: string;
  readonly label: string;
}

/** All ids of what a person named: a device, a remote, a domain, or the members of a group. UsageError for anything else. */
export function nodesNamed(parts: Parts, text: string): ReadonlySet<NodeId> {
  const { subject, label } = only(parts.directory, text);
  switch (subject.kind) {
    case 'device':
    case 'remote':
    case 'domain':
      return withEarlier(parts, idsOf(parts, subject));
    case 'group': {
      const members = parts.directory.groups().get(subject.group)?.members ?? [];
      return withEarlier(
        parts,
        members.flatMap((member) => idsOf(parts, member.subject)),
      );
    }
    default:
      throw new UsageError(`flows are not listed by ${label}`, {
        hint: 'name a device, a group, a domain or an address',
      });
  }
}

/**
 * How an end is shown.
 * @param text what was written for it when it was seen, for a node that nobody knows any more
 */
export function endView(parts: Parts, id: NodeId, text?: string): EndView {
  if (id === OTHERS) return { id, label: 'others' };
  if (id === ROUTER) return { id, label: parts.directory.routerName(parts.key.peer) };
  if (isWhole(id)) return { id, label: id };
  const known = parts.directory.node(id);
  if (known === undefined && text !== undefined && text !== '') return { id, label: text };
  return { id, label: parts.directory.label({ kind: known?.device === true ? 'device' : 'remote', id }) };
}
