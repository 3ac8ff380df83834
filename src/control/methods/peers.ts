import * as z from 'zod';
import { setTolerance } from '../commands/tolerance.ts';
import type { Offer } from '../offer.ts';
import type { Parts } from '../parts.ts';
import { peersView } from '../views/peers.ts';
import { tolerancesView } from '../views/tolerances.ts';
import { change, nothing } from './params.ts';

const text = z.string().trim().min(1).max(200);

/** The other routers, and how long this one waits for them. */
export function offerPeers(offer: Offer, parts: Parts): void {
  offer('peers', nothing, () => peersView(parts));
  offer('tolerance', nothing, () => tolerancesView(parts));
  offer(
    'tolerance.set',
    z.strictObject({ by: change.by, dryRun: change.dryRun, router: text, time: text }),
    (params) => setTolerance(parts, params),
  );
}
