import * as z from 'zod';

/** What a person types for a node, a group, a domain … or the beginning of an id. */
export const subject = z.string().min(1).max(255);

/** What every change takes. */
export const change = {
  by: z.string().min(1).max(100).default('unknown'),
  wait: z.boolean().default(true),
  dryRun: z.boolean().default(false),
};

/** For what takes nothing. */
export const nothing = z.strictObject({});
