import * as z from 'zod';
import { clear, enforce, suspend } from '../commands/halt.ts';
import type { Offer } from '../offer.ts';
import type { Parts } from '../parts.ts';
import { change } from './params.ts';

const { by, dryRun } = change;

/** The stop button of this router, and going on. */
export function offerHalt(offer: Offer, parts: Parts): void {
  offer('suspend', z.strictObject({ by, dryRun, for: z.string().min(1).max(200).default('10m') }), (params) =>
    suspend(parts, params),
  );
  offer('clear', z.strictObject({ by, dryRun, confirm: z.boolean().default(false) }), (params) =>
    clear(parts, params),
  );
  offer('enforce', z.strictObject({ by, dryRun }), (params) => enforce(parts, params));
}
