import * as z from 'zod';
import type { Parts } from '../parts.ts';

/** A number that a router counted; what is none is not believed. */
const amount = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const counts = z.object({ packets: amount, bytes: amount });
const end = z.object({ id: z.string().max(200), label: z.string().max(300) });
/** What is read of a row of the flows view of another router; the rest of it is only shown under that router. */
const row = z.object({
  device: end.optional(),
  other: end.optional(),
  protocol: z.string().max(20).optional(),
  port: amount.optional(),
  /** The hour or the day, of a history by those. */
  at: z.string().max(40).optional(),
  up: counts.optional(),
  down: counts.optional(),
  blocked: counts.optional(),
  partial: z.boolean().optional(),
  connections: amount.optional(),
  ignored: z.boolean().optional(),
  seenSecondsAgo: amount.optional(),
});
type Row = z.output<typeof row>;
type Counts = z.output<typeof counts>;

/** One flow or history row summed over the routers that saw it. */
export interface JoinedFlow extends Row {
  /** What each of them counted. */
  readonly routers: readonly ({ readonly router: string } & Pick<Row, 'up' | 'down' | 'blocked'>)[];
}

/** So many rows are asked of each router: what is beyond them on one is missing in the sums. */
export const JOINED_OF_EACH = 1_000;

/**
 * The rows of several routers' flows views, those of the same two nodes (of any of their ids) added up: a device that roams
 * has a part of its history on each. The busiest first, hours and days from the newest. What is no row of such a view is left
 * out.
 */
export function joinAnswers(
  { directory }: Pick<Parts, 'directory'>,
  answers: readonly { readonly router: string; readonly answer?: unknown }[],
  top = Number.POSITIVE_INFINITY,
): JoinedFlow[] {
  const sums = new Map<string, JoinedFlow>();
  const classOf = (of: Row['device']) => of && ([...directory.classOf(of.id)].sort()[0] ?? of.id);
  for (const { router, answer } of answers) {
    for (const found of rowsOf(answer)) {
      const { device, other, protocol, port, at, up, down, blocked } = found;
      const key = JSON.stringify([classOf(device), classOf(other), protocol, port, at]);
      const before = sums.get(key);
      const own = { router, up, down, blocked };
      sums.set(key, before === undefined ? { ...found, routers: [own] } : added(before, found, own));
    }
  }
  const later = (x: JoinedFlow, y: JoinedFlow) => {
    const [one = '', other = ''] = [x.at, y.at];
    return one === other ? 0 : one < other ? 1 : -1;
  };
  return [...sums.values()].sort((x, y) => later(x, y) || bytesOf(y) - bytesOf(x)).slice(0, top);
}

function rowsOf(answer: unknown): Row[] {
  const rows: unknown[] = Array.isArray(answer) ? answer : [];
  return rows.flatMap((each) => {
    const read = row.safeParse(each);
    return read.success && (read.data.device ?? read.data.other ?? read.data.at) !== undefined
      ? [read.data]
      : [];
  });
}

function added(before: JoinedFlow, more: Row, own: JoinedFlow['routers'][number]): JoinedFlow {
  return {
    ...before,
    up: sum(before.up, more.up),
    down: sum(before.down, more.down),
    blocked: sum(before.blocked, more.blocked),
    partial: before.partial === true || more.partial === true,
    connections: plus(before.connections, more.connections),
    ignored: before.ignored === true || more.ignored === true,
    seenSecondsAgo: least(before.seenSecondsAgo, more.seenSecondsAgo),
    routers: [...before.routers, own],
  };
}

function sum(one: Counts | undefined, other: Counts | undefined): Counts | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return { packets: one.packets + other.packets, bytes: one.bytes + other.bytes };
}

function plus(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? (one ?? other) : one + other;
}

function least(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? (one ?? other) : Math.min(one, other);
}

function bytesOf({ up, down }: Row): number {
  return (up?.bytes ?? 0) + (down?.bytes ?? 0);
}
