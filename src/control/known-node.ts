import type { Mac, NodeId } from '../policy/block-set.ts';
import type { Binding } from '../policy/descriptor.ts';

/** A node with everything that the home knows of it. */
export interface KnownNode {
  readonly id: NodeId;
  /** All ids of its class, itself among them. */
  readonly ids: readonly NodeId[];
  readonly device: boolean;
  readonly macs: readonly Mac[];
  readonly addresses: readonly Binding[];
  readonly domains: readonly string[];
  /** Given by a person first, the one that is shown before the others; then what it calls itself. */
  readonly names: readonly string[];
}

/** The shortest text that a person recognises. */
export function labelOf(node: KnownNode): string {
  return (
    node.names[0] ?? node.domains[0] ?? node.macs[0] ?? node.addresses[0]?.address ?? node.id.slice(0, 8)
  );
}

/** Several descriptions of one node as one. Its id is the least of a device among them, or else the least. */
export function joined(nodes: readonly KnownNode[], given: readonly string[]): KnownNode {
  const unique = (pick: (node: KnownNode) => readonly string[]) => [...new Set(nodes.flatMap(pick))];
  const addresses = new Map(
    nodes.flatMap((of) => of.addresses.map((binding) => [`${binding.segment} ${binding.address}`, binding])),
  );
  const device = nodes.some((node) => node.device);
  const [id = ''] = nodes
    .filter((node) => node.device === device)
    .map((node) => node.id)
    .sort();
  return {
    id,
    ids: nodes[0]?.ids ?? [id],
    device,
    macs: unique((node) => node.macs),
    addresses: [...addresses.values()],
    domains: unique((node) => node.domains),
    names: [...new Set([...given, ...unique((node) => node.names)])],
  };
}
