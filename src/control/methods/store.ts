import * as z from 'zod';
import type { Offer } from '../offer.ts';
import type { StoreCare } from '../store-care.ts';

const nothing = z.strictObject({});

/** Checking and mending the store while the agent runs. A task is begun, then asked after until it has ended. */
export function offerStore(offer: Offer, care: StoreCare): void {
  offer('store.check', nothing, () => care.begin('check'));
  offer('store.repair', nothing, () => care.begin('repair'));
  offer('store.progress', nothing, () => care.view ?? null);
}
