import * as z from 'zod';
import { evict } from '../commands/evict.ts';
import { addMember, createHome, joinHome, parsePeerKey } from '../commands/home.ts';
import { invite, withdraw } from '../commands/invite.ts';
import { join } from '../commands/join.ts';
import { leave } from '../commands/leave.ts';
import { sync } from '../commands/sync.ts';
import type { Offer } from '../offer.ts';
import type { Parts } from '../parts.ts';
import { homeView } from '../views/home.ts';
import { change, nothing } from './params.ts';

/** A router's name, or the beginning of its key. */
const router = z.string().trim().min(1).max(200);

/** The home and its members. */
export function offerHome(offer: Offer, parts: Parts): void {
  offer('home', nothing, () => homeView(parts));
  offer(
    'home.create',
    z.strictObject({ by: change.by, dryRun: change.dryRun, name: z.string().trim().min(1).max(60) }),
    (params) => createHome(parts, params),
  );
  offer(
    'home.add',
    z.strictObject({
      by: change.by,
      dryRun: change.dryRun,
      peer: z.string().max(200).transform(parsePeerKey),
      name: z
        .string()
        .regex(/^[a-z0-9-]{1,32}$/)
        .optional(),
      admin: z.boolean().optional(),
      recoveryKey: z.string().max(200).optional(),
    }),
    (params) => addMember(parts, params),
  );
  offer(
    'home.join',
    z.strictObject({
      dryRun: change.dryRun,
      bundle: z.string().max(100_000),
      dropPolicies: z.boolean().default(false),
    }),
    (params) => joinHome(parts, params),
  );
  offer(
    'evict',
    z.strictObject({
      ...change,
      router,
      confirm: z.boolean().default(false),
      before: z
        .string()
        .regex(/^[0-9a-f]{6,64}$/i)
        .optional(),
      recoveryKey: z.string().max(200).optional(),
    }),
    (params) => evict(parts, params),
  );
  offer(
    'leave',
    z.strictObject({
      by: change.by,
      dryRun: change.dryRun,
      confirm: z.boolean().default(false),
      alone: z.boolean().default(false),
    }),
    (params) => leave(parts, params),
  );
  offer(
    'invite',
    z.strictObject({
      by: change.by,
      dryRun: change.dryRun,
      admin: z.boolean().default(true),
      for: z.string().min(1).max(200).default('1h'),
    }),
    (params) => invite(parts, params),
  );
  offer(
    'invite.withdraw',
    z.strictObject({ by: change.by, dryRun: change.dryRun, all: z.boolean().default(false) }),
    (params) => withdraw(parts, params),
  );
  offer(
    'join',
    z.strictObject({
      dryRun: change.dryRun,
      token: z.string().max(10_000),
      dropPolicies: z.boolean().default(false),
    }),
    (params) => join(parts, params),
  );
  offer(
    'sync',
    z.strictObject({
      with: router.optional(),
      force: z.boolean().default(false),
      compare: z.boolean().default(false),
    }),
    (params) => sync(parts, params),
  );
}
