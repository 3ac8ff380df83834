import type { Flow } from '../../local/flows/flow.ts';
import { joinFlows } from '../../local/flows/joined.ts';
import type { Counts } from '../../local/observe/conntrack.ts';
import type { Parts } from '../parts.ts';
import { type EndView, endView } from './traffic.ts';

/** A pair of which this router has dropped something, since it sees the flow: whoever follows this hears of each at most as often as he asks. */
export interface BlockedView extends Counts {
  readonly device: EndView;
  readonly other: EndView;
}

/** The pairs of which something was dropped, the latest first. */
export function blockedView(parts: Parts, { top }: { readonly top: number }): BlockedView[] {
  const dropped = joinFlows(blocked(parts.flows.flows()), parts.classOf);
  return [...dropped]
    .sort((x, y) => (y.blocked?.lastSeen ?? 0) - (x.blocked?.lastSeen ?? 0))
    .slice(0, top)
    .map(({ device, other, blocked: counts }) => ({
      device: endView(parts, device),
      other: endView(parts, other),
      packets: counts?.packets ?? 0,
      bytes: counts?.bytes ?? 0,
    }));
}

function blocked(flows: Iterable<Flow>): Flow[] {
  return [...flows].filter((flow) => flow.blocked !== undefined);
}
