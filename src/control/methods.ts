import * as z from 'zod';
import { block, unblock } from './commands/block.ts';
import { addMember, createHome, joinHome, parsePeerKey } from './commands/home.ts';
import type { Method, Offer } from './offer.ts';
import type { Parts } from './parts.ts';
import { flowsView } from './views/flows.ts';
import { homeView } from './views/home.ts';
import { nodesView } from './views/nodes.ts';
import { peersView } from './views/peers.ts';
import { policiesView } from './views/policies.ts';
import { statusView } from './views/status.ts';

const subject = z.string().min(1).max(255);
const change = {
  by: z.string().min(1).max(100).default('unknown'),
  wait: z.boolean().default(true),
  dryRun: z.boolean().default(false),
};
const nothing = z.strictObject({});

/** Every command and view by its name; the CLI's verbs are the same words. */
export function methodsOf(parts: Parts): ReadonlyMap<string, Method> {
  const methods = new Map<string, Method>();
  const offer: Offer = (name, params, run) => {
    methods.set(name, { params, run: async (given) => run(params.parse(given ?? {})) });
  };
  offer('status', nothing, () => statusView(parts));
  offer('nodes', nothing, () => nodesView(parts, 'all'));
  offer('devices', nothing, () => nodesView(parts, 'devices'));
  offer('flows', z.strictObject({ top: z.number().int().min(1).max(10_000).default(50) }), ({ top }) =>
    flowsView(parts, top),
  );
  offer('policies', nothing, () => policiesView(parts));
  offer('peers', nothing, () => peersView(parts));
  offer('home', nothing, () => homeView(parts));
  offer(
    'block',
    z.strictObject({
      ...change,
      first: subject,
      second: subject.optional(),
      reason: z.string().min(1).max(200).optional(),
    }),
    (params) => block(parts, params),
  );
  offer(
    'unblock',
    z.strictObject({
      ...change,
      first: subject,
      second: subject.optional(),
      all: z.boolean().default(false),
    }),
    (params) => unblock(parts, params),
  );
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
  return methods;
}
