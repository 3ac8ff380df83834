import { createHash } from 'node:crypto';
import * as z from 'zod';
import type { BootMoment } from '../../clock.ts';

/**
 * A person has told this router to enforce nothing: for a while, or until `hedgerow enforce`. Times are Unix milliseconds
 * of this router's clock; `ends` is the same end in the time of the boot in which it was said.
 */
export type Halt =
  | {
      readonly kind: 'suspended';
      readonly by: string;
      readonly at: number;
      readonly until: number;
      readonly ends?: BootMoment | undefined;
    }
  | { readonly kind: 'cleared'; readonly by: string; readonly at: number };

/** The longest suspension, seconds. */
export const LONGEST_SUSPENSION_S = 86_400;

const HEAD = /^hedgerow-halt\/1 ([0-9a-f]{64})\n/;
const moment = z.number().int().nonnegative();
const bootMoment = z.strictObject({ boot: z.string().max(64), ms: moment });
const schema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('suspended'),
    by: z.string().max(200),
    at: moment,
    until: moment,
    ends: bootMoment.optional(),
  }),
  z.strictObject({ kind: z.literal('cleared'), by: z.string().max(200), at: moment }),
]);

/** The text of a halt's file: a line with the format and the SHA-256 of the rest, then JSON. */
export function encodeHalt(halt: Halt): string {
  const body = JSON.stringify(halt);
  return `hedgerow-halt/1 ${createHash('sha256').update(body).digest('hex')}\n${body}`;
}

/** The halt in a file's text, or what is wrong with it; never throws. Whatever is wrong is no reason to stop blocking. */
export function decodeHalt(text: string): { readonly halt: Halt } | { readonly wrong: string } {
  const head = HEAD.exec(text);
  if (head === null) return { wrong: 'it is none, or of another version' };
  const body = text.slice(head[0].length);
  if (createHash('sha256').update(body).digest('hex') !== head[1])
    return { wrong: 'the checksum does not match' };
  try {
    const parsed = schema.safeParse(JSON.parse(body));
    return parsed.success ? { halt: parsed.data } : { wrong: 'it says nothing that is known' };
  } catch {
    return { wrong: 'it is not JSON' };
  }
}

/** What the clocks of this router show. */
export interface Moment {
  /** Unix milliseconds; perhaps wrong. */
  readonly wall: number;
  readonly boot: BootMoment | undefined;
}

/**
 * Milliseconds that a halt has left at this moment; undefined for one without an end, 0 when it has ended. In the boot in
 * which it was said no clock is asked. After another one a clock that shows less than when it began cannot tell: then it
 * has ended. It never lasts longer than a day.
 */
export function leftOf(halt: Halt, { wall, boot }: Moment): number | undefined {
  if (halt.kind === 'cleared') return undefined;
  const { at, until, ends } = halt;
  const longest = LONGEST_SUSPENSION_S * 1000;
  if (ends !== undefined && ends.boot === boot?.boot)
    return Math.max(0, Math.min(ends.ms - boot.ms, longest));
  if (wall < at) return 0;
  return Math.max(0, Math.min(until, at + longest) - wall);
}
