import * as z from 'zod';
import { addToGroup, existing, removeFromGroup } from '../commands/groups.ts';
import { ignore, unignore } from '../commands/ignore.ts';
import { name } from '../commands/names.ts';
import type { Offer } from '../offer.ts';
import type { Parts } from '../parts.ts';
import { GroupViews, groupsView } from '../views/groups.ts';
import { change, nothing, subject } from './params.ts';

const group = z.string().min(1).max(100);

/** Groups, names, and which flows are shown. */
export function offerNodes(offer: Offer, parts: Parts): void {
  const members = z.strictObject({ ...change, group, subjects: z.array(subject).min(1).max(500) });
  offer('groups', nothing, () => groupsView(parts));
  offer('group', z.strictObject({ group }), (params) =>
    new GroupViews(parts).of(existing(parts, params.group).name),
  );
  offer('group.add', members, (params) => addToGroup(parts, params));
  offer('group.remove', members, (params) => removeFromGroup(parts, params));
  offer(
    'name',
    z.strictObject({ ...change, what: subject, text: z.string().max(200).optional() }),
    (params) => name(parts, params),
  );
  const node = z.strictObject({ ...change, what: subject });
  offer('ignore', node, (params) => ignore(parts, params));
  offer('unignore', node, (params) => unignore(parts, params));
}
