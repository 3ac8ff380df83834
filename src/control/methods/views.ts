import * as z from 'zod';
import { NodeRoll } from '../node-roll.ts';
import type { Offer } from '../offer.ts';
import type { Parts } from '../parts.ts';
import { blockedView } from '../views/blocked.ts';
import { flowHistoryView } from '../views/flow-history.ts';
import { flowsPageView, flowsView } from '../views/flows.ts';
import { devicesView, nodesPageView, nodesView } from '../views/nodes.ts';
import { policiesView } from '../views/policies.ts';
import { briefPoliciesView } from '../views/policies-brief.ts';
import { statusView } from '../views/status.ts';
import { nothing, page, subject } from './params.ts';

/** An answer has so many rows at most. */
const top = (most: number, fallback: number) => z.number().int().min(1).max(most).default(fallback);
const flows = { top: top(10_000, 50), all: z.boolean().default(false), who: subject.optional() };
const history = { by: z.enum(['device', 'remote', 'pair', 'hour', 'day']).default('pair') };
/** Seconds; ten years and more. */
const since = z.number().min(1).max(4e8);

/** Looking: this router, who is there, who talks to whom, what is wanted. */
export function offerViews(offer: Offer, parts: Parts): void {
  offer('status', nothing, () => statusView(parts));
  offer('nodes', z.strictObject({ top: top(10_000, 5_000) }), (params) =>
    nodesView(parts, 'all', params.top),
  );
  const roll = new NodeRoll({
    own: parts.cache,
    told: () => parts.directory.told(),
    classOf: (id) => parts.directory.classOf(id),
  });
  offer('nodes.page', z.strictObject(page), (params) => nodesPageView(parts, roll, params));
  offer('devices', nothing, () => devicesView(parts));
  // Rows in any case, so that those of several routers can be added up.
  offer('flows', z.strictObject({ ...flows, ...history, since: since.optional() }), async (params) => {
    if (params.since === undefined) return flowsView(parts, params);
    const { rows } = await flowHistoryView(parts, { ...params, since: params.since });
    return rows;
  });
  offer('flows.page', z.strictObject(page), (params) => flowsPageView(parts, params));
  offer('flows.history', z.strictObject({ ...flows, ...history, since }), (params) =>
    flowHistoryView(parts, params),
  );
  offer('blocked', z.strictObject({ top: top(1_000, 50) }), (params) => blockedView(parts, params));
  offer('policies', nothing, () => policiesView(parts));
  offer('policies.brief', nothing, () => briefPoliciesView(parts));
}
