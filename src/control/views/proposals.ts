import { type Proposal, proposalsFor } from '../../policy/proposals.ts';
import type { Parts } from '../parts.ts';

/** Two devices that may be one, as a person is shown them. */
export interface ProposalView {
  readonly x: { readonly id: string; readonly label: string; readonly macs: readonly string[] };
  readonly y: { readonly id: string; readonly label: string; readonly macs: readonly string[] };
  readonly evidence: readonly string[];
}

/** What observation suggests and only a person can know. */
export function proposalsView(parts: Parts): ProposalView[] {
  const devices = new Map(
    parts.directory
      .each()
      .filter(({ device }) => device)
      .map((node) => [node.id, node]),
  );
  const apart = new Set<string>();
  for (const { record, live } of parts.replica.edges().values()) {
    if (live && record.kind === 'distinct') apart.add([record.x, record.y].sort().join(' '));
  }
  const named = (id: string) => ({
    id,
    label: parts.directory.label({ kind: 'device', id }),
    macs: devices.get(id)?.macs ?? [],
  });
  const areDistinct = (x: string, y: string) => apart.has([x, y].sort().join(' '));
  return proposalsFor(devices.values(), parts.identity(), areDistinct).map(
    ({ x, y, evidence }: Proposal) => ({
      x: named(x),
      y: named(y),
      evidence,
    }),
  );
}
