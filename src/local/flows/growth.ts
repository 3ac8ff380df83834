import type { ConntrackEntry, Counts } from '../observe/conntrack.ts';
import type { EntryTable } from './entry-table.ts';
import { sum } from './flow.ts';

/** What both directions carried; undefined where the kernel did not count. */
export interface Carried {
  readonly original: Counts | undefined;
  readonly reply: Counts | undefined;
}

/** No packet; to be compared by identity. */
export const NOTHING: Counts = { packets: 0, bytes: 0 };
export const NO_NEWS: Carried = { original: NOTHING, reply: NOTHING };

export function carriedBy({ original, reply }: ConntrackEntry): Carried {
  return { original: original.counts, reply: reply.counts };
}

/** The last counters of an entry. */
export function carriedAt({ packets, bytes, replyPackets, replyBytes }: EntryTable, slot: number): Carried {
  return {
    original: counts(packets[slot], bytes[slot]),
    reply: counts(replyPackets[slot], replyBytes[slot]),
  };
}

export function setCarried(table: EntryTable, slot: number, { original, reply }: Carried): void {
  table.packets[slot] = original?.packets ?? Number.NaN;
  table.bytes[slot] = original?.bytes ?? Number.NaN;
  table.replyPackets[slot] = reply?.packets ?? Number.NaN;
  table.replyBytes[slot] = reply?.bytes ?? Number.NaN;
}

/** True when an entry is as it was last: most of a reading is, so this makes nothing. */
export function isAtRest(table: EntryTable, slot: number, { original, reply }: ConntrackEntry): boolean {
  return (
    original.counts?.packets === table.packets[slot] &&
    original.counts?.bytes === table.bytes[slot] &&
    reply.counts?.packets === table.replyPackets[slot] &&
    reply.counts?.bytes === table.replyBytes[slot]
  );
}

/** What was added since; `less` when a counter shrank, which the kernel's do not do within one connection. */
export function grown(before: Carried, now: Carried): Carried | 'less' {
  const original = added(before.original, now.original);
  const reply = added(before.reply, now.reply);
  if (original === 'less' || reply === 'less') return 'less';
  return original === NOTHING && reply === NOTHING ? NO_NEWS : { original, reply };
}

/** The greater of each counter. */
export function most(one: Carried, two: Carried): Carried {
  return { original: greater(one.original, two.original), reply: greater(one.reply, two.reply) };
}

/** Both together: what is not known adds nothing, and is not nothing. */
export function together(one: Carried, two: Carried): Carried {
  return { original: sum(one.original, two.original), reply: sum(one.reply, two.reply) };
}

export function same(one: Carried, two: Carried): boolean {
  return grown(one, two) === NO_NEWS;
}

function counts(packets: number | undefined, bytes: number | undefined): Counts | undefined {
  if (packets === undefined || bytes === undefined || Number.isNaN(packets)) return undefined;
  return { packets, bytes };
}

/** NOTHING itself when nothing was added. */
function added(before: Counts | undefined, now: Counts | undefined): Counts | undefined | 'less' {
  if (now === undefined) return before === undefined ? NOTHING : undefined;
  if (before === undefined) return now;
  const packets = now.packets - before.packets;
  const bytes = now.bytes - before.bytes;
  if (packets < 0 || bytes < 0) return 'less';
  return packets === 0 && bytes === 0 ? NOTHING : { packets, bytes };
}

function greater(one: Counts | undefined, two: Counts | undefined): Counts | undefined {
  if (one === undefined || two === undefined) return one ?? two;
  return { packets: Math.max(one.packets, two.packets), bytes: Math.max(one.bytes, two.bytes) };
}
