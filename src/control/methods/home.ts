import * as z from 'zod';
import { addMember, createHome, joinHome, parsePeerKey } from '../commands/home.ts';
import type { Offer } from '../offer.ts';
import type { Parts } from '../parts.ts';
import { homeView } from '../views/home.ts';
import { change, nothing } from './params.ts';

/** The home and its members. */
export function offerHome(offer: Offer, parts: Parts): void {
  offer('home', nothing, () => homeView(parts));
  offer('home.create', z.strictObject({ by: change.by, name: z.string().trim().min(1).max(60) }), (params) =>
    createHome(parts, params),
  );
  offer(
    'home.add',
    z.strictObject({
      by: change.by,
      peer: z.string().max(200).transform(parsePeerKey),
      name: z
        .string()
        .regex(/^[a-z0-9-]{1,32}$/)
        .optional(),
      admin: z.boolean().default(true),
    }),
    (params) => addMember(parts, params),
  );
  offer(
    'home.join',
    z.strictObject({ bundle: z.string().max(100_000), dropPolicies: z.boolean().default(false) }),
    (params) => joinHome(parts, params),
  );
}
