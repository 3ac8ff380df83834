import { UnavailableError } from '../../errors.ts';
import { canonicalAddress } from '../../policy/address.ts';
import type { NodeId } from '../../policy/block-set.ts';
import type { Parts } from '../parts.ts';
import { type NodeView, showNodes } from './nodes.ts';

/** A node that has a number. */
export interface NumberedNode extends NodeView {
  readonly alias: number;
}

/**
 * The nodes with these ids, one for each class, or all devices; each is given a number if it has none. What nobody knows is
 * left out. UnavailableError where numbers are not kept.
 */
export function numbersView(parts: Parts, ids: readonly NodeId[] | undefined): NumberedNode[] {
  const { directory } = parts;
  if (ids === undefined) return numbered(parts, directory.nodes('devices'));
  const seen = new Set<NodeId>();
  const nodes = ids.flatMap((id) => {
    if (seen.has(id)) return [];
    const node = directory.node(id);
    for (const same of node?.ids ?? [id]) seen.add(same);
    return node ?? [];
  });
  return numbered(parts, nodes);
}

/** The node that is called by a number, also by one of before it was merged; null when there is none (any more). */
export function numberView(parts: Parts, number: number): NumberedNode | null {
  const id = aliasesOf(parts).nodeOf(number);
  return id === undefined ? null : (numbersView(parts, [id])[0] ?? null);
}

/**
 * The node that was last seen here with an address, or that is just this address; null when there is none.
 * @param note when there is none, one that is just this address is known from now on
 */
export function ownerView(parts: Parts, text: string, note: boolean): NumberedNode | null {
  const address = canonicalAddress(text);
  if (address === undefined) return null;
  const { cache } = parts;
  const known = cache.deviceByAddress(undefined, address) ?? cache.remoteByAddress(address);
  const id = known ?? (note ? cache.addressNode(address) : undefined);
  return id === undefined ? null : (numbersView(parts, [id])[0] ?? null);
}

function numbered(parts: Parts, nodes: Parameters<typeof showNodes>[1]): NumberedNode[] {
  const aliases = aliasesOf(parts);
  return showNodes(parts, nodes).map((view) => ({ ...view, alias: view.alias ?? aliases.of(view.id) }));
}

function aliasesOf({ aliases }: Parts): NonNullable<Parts['aliases']> {
  if (aliases !== undefined) return aliases;
  throw new UnavailableError('this router keeps no numbers of nodes');
}
