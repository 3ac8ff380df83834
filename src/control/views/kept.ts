import type { NodeId } from '../../policy/block-set.ts';
import type { Parts } from '../parts.ts';
import { type NodeView, showNodes } from './nodes.ts';
import { endView } from './traffic.ts';

/** More are not told at once. */
const MAX_KEPT = 2_000;

/** The remotes that something of the home refers to (a policy, a group, a name), one for each class. */
export function keptView(parts: Parts): NodeView[] {
  const { cache, directory } = parts;
  const seen = new Set<NodeId>();
  const nodes = [...cache.referred].slice(0, MAX_KEPT).flatMap((id) => {
    if (seen.has(id)) return [];
    const node = directory.node(id);
    for (const same of node?.ids ?? [id]) seen.add(same);
    return node === undefined || node.device ? [] : [{ ...node, id: [...node.ids].sort()[0] ?? id }];
  });
  return showNodes(parts, nodes);
}

/** How these are shown, ends of flows such as `internet` among them: id → label. */
export function labelsView(parts: Parts, ids: readonly string[]): Record<string, string> {
  return Object.fromEntries(ids.map((id) => [id, endView(parts, id).label]));
}
