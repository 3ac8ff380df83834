import * as z from 'zod';

/** What a person types for a node, a group, a domain … or the beginning of an id. */
export const subject = z.string().min(1).max(255);

/** What every change takes. */
export const change = {
  by: z.string().min(1).max(100).default('unknown'),
  wait: z.boolean().default(true),
  dryRun: z.boolean().default(false),
};

const number = z.number().int().min(0);

/** For views that are read page by page: rows at most, and where to go on (see numbered.ts). */
export const page = {
  top: z.number().int().min(1).max(5_000).default(1_000),
  cursor: z.strictObject({ after: number, until: number }).optional(),
};

/** For what takes nothing. */
export const nothing = z.strictObject({});
