import * as z from 'zod';
import { messageOf } from '../../errors.ts';
import { parseFor, parseSchedule } from '../durations.ts';
import { type Entry, LONGEST_S, MOST_WINDOWS, windowSchema } from './entry.ts';

/** A value in words, read by the same parser as on the command line; or as it is, where there are no words for it. */
function inWords<T>(parse: (text: string) => T, plain: z.ZodType<T>) {
  return z.unknown().transform((given, context): T => {
    try {
      if (typeof given === 'string') return parse(given.slice(0, 1_000));
      const read = plain.safeParse(given);
      if (read.success) return read.data;
      context.addIssue({ code: 'custom', message: read.error.issues[0]?.message ?? 'cannot be read' });
    } catch (error) {
      context.addIssue({ code: 'custom', message: messageOf(error) });
    }
    return z.NEVER;
  });
}

const subject = z.string().trim().min(1).max(300);
const text = z.string().trim().min(1).max(200);

const policy = z
  .strictObject({
    block: subject.optional(),
    from: subject.optional(),
    allow: subject.optional(),
    to: subject.optional(),
    for: inWords(parseFor, z.number().int().min(1).max(LONGEST_S)).optional(),
    until: z.iso
      .datetime({ offset: true, error: 'not a moment such as 2026-11-22T06:00:00Z' })
      .transform((iso) => Date.parse(iso))
      .optional(),
    schedule: inWords(parseSchedule, z.array(windowSchema).min(1).max(MOST_WINDOWS)).optional(),
    zone: z.string().min(1).max(64).optional(),
    reason: text.optional(),
  })
  .transform((given, context): Entry => {
    const { block, from, allow, to, for: seconds, until, schedule: windows, zone, reason } = given;
    const terms = {
      ...(seconds === undefined ? {} : { for: seconds }),
      ...(until === undefined ? {} : { until }),
      ...(windows === undefined ? {} : { windows }),
      ...(zone === undefined ? {} : { zone }),
      ...(reason === undefined ? {} : { reason }),
    };
    if (block !== undefined && from !== undefined && allow === undefined && to === undefined)
      return { kind: 'block', a: block, b: from, terms };
    if (allow !== undefined && to !== undefined && block === undefined && from === undefined)
      return { kind: 'allow', a: allow, b: to, terms };
    context.addIssue({
      code: 'custom',
      message: 'a policy is "block: <device>" with "from: <what>", or "allow: <device>" with "to: <what>"',
    });
    return z.NEVER;
  });

const pair = z.strictObject({ one: subject, other: subject });
const MOST = 20_000;

/** A book as a file holds it. */
export const bookSchema = z.strictObject(
  {
    bookVersion: z.literal(1, {
      error: 'this is no book of this version of Hedgerow: "bookVersion: 1" is missing',
    }),
    names: z
      .array(z.strictObject({ of: subject, name: text }))
      .max(MOST)
      .nullish(),
    groups: z.record(z.string().trim().min(1).max(100), z.array(subject).max(MOST).nullable()).nullish(),
    policies: z.array(policy).max(MOST).nullish(),
    ignored: z.array(subject).max(MOST).nullish(),
    same: z.array(pair).max(MOST).nullish(),
    distinct: z.array(pair).max(MOST).nullish(),
  },
  { error: ({ code }) => (code === 'invalid_type' ? 'this is no policy book' : undefined) },
);
