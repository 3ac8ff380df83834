import { createHash } from 'node:crypto';
import * as z from 'zod';
import type { Fill, Plan } from './backend.ts';
import { type PlanChange, partOf, planChange } from './plan-change.ts';

const HEAD = /^hedgerow-plan\/([12]) ([0-9a-f]{64})\n/;
const VERSION = 2;
const fill = z.strictObject({ passing: z.string(), blocking: z.string(), known: z.string() });
const beside = { bridge: z.string().optional(), own: z.string().optional() };
const ipset = {
  backend: z.literal('ipset'),
  variant: z.enum(['legacy', 'nft', 'plain']),
  chains: z.strictObject({ v4: z.string(), v6: z.string() }),
  ...beside,
};
const nftables = z.strictObject({
  backend: z.literal('nftables'),
  table: z.string(),
  ...beside,
});
const planSchema = z.discriminatedUnion('backend', [
  z.strictObject({ ...ipset, sets: z.strictObject({ v4: fill, v6: fill }) }),
  nftables,
]);
/** As it was written before the lines for `ipset restore` were in parts; it is read still, for an upgrade ends with a reboot. */
const firstSchema = z.discriminatedUnion('backend', [
  z.strictObject({ ...ipset, sets: z.string().transform(sortedOut) }),
  nftables,
]);

/** The text of a plan file: a line with the format and the SHA-256 of the rest, then JSON. */
export function encodePlan(plan: Plan): string {
  const body = JSON.stringify(plan);
  return `hedgerow-plan/${VERSION} ${sha256(body)}\n${body}`;
}

/** The plan in a file's text, or what is wrong with it. */
export function decodePlan(text: string): { plan: Plan } | { wrong: string } {
  const head = HEAD.exec(text);
  if (head === null)
    return { wrong: text.startsWith('hedgerow-plan/') ? 'unknown version' : 'not a plan file' };
  const body = text.slice(head[0].length);
  if (sha256(body) !== head[2]) return { wrong: 'the checksum does not match' };
  try {
    const schema = head[1] === '1' ? firstSchema : planSchema;
    const parsed = schema.safeParse(JSON.parse(body));
    return parsed.success ? { plan: parsed.data } : { wrong: 'not a plan' };
  } catch {
    return { wrong: 'not JSON' };
  }
}

/** The parts of the lines that the first format had in one text. */
function sortedOut(sets: string): { v4: Fill; v6: Fill } {
  const parts = {
    v4: { passing: '', blocking: '', known: '' },
    v6: { passing: '', blocking: '', known: '' },
  };
  for (const line of sets.split('\n')) {
    const name = line.split(' ', 2)[1] ?? '';
    const { family, part } = partOf(name);
    if (line !== '') parts[`v${family}`][part] += `${line}\n`;
  }
  return parts;
}

/** The checksum in the first line of a plan file's text, which is also its name; undefined where there is none. */
export function checksumOf(text: string): string | undefined {
  return HEAD.exec(text)?.[2];
}

const CHANGES_HEAD = /^hedgerow-plan-changes\/1 ([0-9a-f]{64}) (\d{1,15})\n/;
const CHANGE = /^([0-9a-f]{32}) (.*)$/;

/** What a file of changes says of itself. */
export interface ChangesHead {
  /** The checksum of the plan that they begin at. */
  readonly plan: string;
  /** Rises with each file: of two for the same plan the newer one counts. */
  readonly generation: number;
}

/** The first line of a file of changes; each further one is a change. */
export function encodeChangesHead({ plan, generation }: ChangesHead): string {
  return `hedgerow-plan-changes/1 ${plan} ${generation}\n`;
}

/** The first line of a file, if it is one of changes. */
export function decodeChangesHead(text: string): ChangesHead | undefined {
  const [, plan, generation] = CHANGES_HEAD.exec(text) ?? [];
  return plan === undefined ? undefined : { plan, generation: Number(generation) };
}

/** The line of a change. Its checksum is also over the one before (of the first: the head), so that none is missed or read twice. */
export function encodeChange(before: string, change: PlanChange): { line: string; sum: string } {
  const body = JSON.stringify(change);
  const sum = sumOf(before, body);
  return { line: `${sum} ${body}\n`, sum };
}

/** The changes of a file, up to the first line that is torn or damaged, and what is wrong with that. */
export function decodeChanges(text: string): { changes: readonly PlanChange[]; torn?: string } {
  const changes: PlanChange[] = [];
  const head = CHANGES_HEAD.exec(text)?.[0];
  if (head === undefined) return { changes, torn: 'it is no file of changes' };
  let before = head;
  for (let at = head.length; at < text.length; ) {
    const end = text.indexOf('\n', at);
    const [, sum = '', body = ''] = CHANGE.exec(end < 0 ? '' : text.slice(at, end)) ?? [];
    const change = sumOf(before, body) === sum ? parsed(body) : undefined;
    if (change === undefined)
      return { changes, torn: `${text.length - at} characters after change ${changes.length} are damaged` };
    changes.push(change);
    before = sum;
    at = end + 1;
  }
  return { changes };
}

function parsed(body: string): PlanChange | undefined {
  try {
    return planChange.safeParse(JSON.parse(body)).data;
  } catch {
    return undefined;
  }
}

function sumOf(before: string, body: string): string {
  return sha256(`${before} ${body}`).slice(0, 32);
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
