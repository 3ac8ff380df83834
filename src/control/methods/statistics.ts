import * as z from 'zod';
import type { Offer } from '../offer.ts';
import type { Parts } from '../parts.ts';
import { connectionsView, statsView } from '../views/statistics.ts';
import { nothing, page } from './params.ts';

/** How the agent fares, and who is connected to it. */
export function offerStatistics(offer: Offer, parts: Parts): void {
  offer('stats', nothing, () => statsView(parts));
  offer(
    'connections',
    z.strictObject({
      ...page,
      listener: z.string().min(1).max(64).optional(),
    }),
    (params) => connectionsView(parts, params),
  );
}
