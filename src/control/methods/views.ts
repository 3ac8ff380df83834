import * as z from 'zod';
import type { Offer } from '../offer.ts';
import type { Parts } from '../parts.ts';
import { flowsView } from '../views/flows.ts';
import { nodesView } from '../views/nodes.ts';
import { peersView } from '../views/peers.ts';
import { policiesView } from '../views/policies.ts';
import { statusView } from '../views/status.ts';
import { nothing } from './params.ts';

/** Looking: this router, who is there, who talks to whom, what is wanted. */
export function offerViews(offer: Offer, parts: Parts): void {
  offer('status', nothing, () => statusView(parts));
  offer('nodes', nothing, () => nodesView(parts, 'all'));
  offer('devices', nothing, () => nodesView(parts, 'devices'));
  offer(
    'flows',
    z.strictObject({ top: z.number().int().min(1).max(10_000).default(50), all: z.boolean().default(false) }),
    (params) => flowsView(parts, params),
  );
  offer('policies', nothing, () => policiesView(parts));
  offer('peers', nothing, () => peersView(parts));
}
