import * as z from 'zod';
import { HaltCommands } from '../commands/halt.ts';
import type { Offer } from '../offer.ts';
import type { Parts } from '../parts.ts';
import { change } from './params.ts';

const { by, dryRun } = change;
/** On every router of the home that can be reached. */
const home = z.boolean().default(false);

/** The stop button of this router, or of the home, and going on. */
export function offerHalt(offer: Offer, parts: Parts): void {
  const halt = new HaltCommands(parts);
  const time = z.string().min(1).max(200).default('10m');
  offer('suspend', z.strictObject({ by, dryRun, home, for: time }), (params) => halt.suspend(params));
  offer('clear', z.strictObject({ by, dryRun, confirm: z.boolean().default(false) }), (params) =>
    halt.clear(params),
  );
  offer('enforce', z.strictObject({ by, dryRun, home, cleared: z.boolean().default(true) }), (params) =>
    halt.enforce(params),
  );
}
