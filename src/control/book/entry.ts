import * as z from 'zod';

/** So many entries at most are read in at a time, as one op. */
export const MAX_ENTRIES_AT_A_TIME = 100;

/** The longest `for` that a book may hold: a thousand years, seconds. */
export const LONGEST_S = 31_536_000_000;
/** Windows of one schedule. */
export const MOST_WINDOWS = 100;

const MINUTES = z.number().int().min(0).max(1_440);
/** A subject in words; see subjects.ts. */
const words = z.string().trim().min(1).max(300);
const text = z.string().trim().min(1).max(200);
const group = z.string().trim().min(1).max(100);

export const windowSchema = z.strictObject({
  days: z.number().int().min(0).max(127),
  from: MINUTES,
  to: MINUTES,
});

const terms = z.strictObject({
  for: z.number().int().min(1).max(LONGEST_S).optional(),
  until: z.number().int().min(1).max(8.64e15).optional(),
  windows: z.array(windowSchema).min(1).max(MOST_WINDOWS).readonly().optional(),
  zone: z.string().min(1).max(64).optional(),
  reason: text.optional(),
});

/** What a book may hold one of: a record with its subjects in words. Never membership. */
export const entrySchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('block'), a: words, b: words, terms }),
  z.strictObject({ kind: z.literal('allow'), a: words, b: words, terms }),
  z.strictObject({ kind: z.literal('ignore'), node: words }),
  z.strictObject({ kind: z.literal('same'), x: words, y: words }),
  z.strictObject({ kind: z.literal('distinct'), x: words, y: words }),
  z.strictObject({ kind: z.literal('in'), group, node: words }),
  z.strictObject({ kind: z.literal('name'), of: words, text }),
]);

export type Entry = z.output<typeof entrySchema>;
