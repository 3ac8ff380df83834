import * as z from 'zod';
import type { Offer } from '../offer.ts';
import type { Parts } from '../parts.ts';
import { keptView, labelsView } from '../views/kept.ts';
import { nothing } from './params.ts';

const MAX_IDS = 12_000;

/** What programs that follow the home ask for again and again: less than the whole list of nodes. */
export function offerKept(offer: Offer, parts: Parts): void {
  offer('nodes.kept', nothing, () => keptView(parts));
  offer('labels', z.strictObject({ ids: z.array(z.string().min(1).max(64)).max(MAX_IDS) }), ({ ids }) =>
    labelsView(parts, ids),
  );
}
