import * as z from 'zod';
import type { Offer } from '../offer.ts';
import type { Parts } from '../parts.ts';
import { numbersView, numberView, ownerView } from '../views/numbers.ts';

const MAX_IDS = 10_000;
const id = z.string().regex(/^[0-9a-f]{32}$/, 'not the id of a node');

/** Nodes by small integers, for programs that know no other names; a node keeps its number. */
export function offerNumbers(offer: Offer, parts: Parts): void {
  offer('numbers', z.strictObject({ ids: z.array(id).max(MAX_IDS).optional() }), ({ ids }) =>
    numbersView(parts, ids),
  );
  offer('numbers.node', z.strictObject({ number: z.number().int() }), ({ number }) =>
    numberView(parts, number),
  );
  offer(
    'numbers.owner',
    z.strictObject({ address: z.string().max(64), note: z.boolean().default(false) }),
    ({ address, note }) => ownerView(parts, address, note),
  );
}
