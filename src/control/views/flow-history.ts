import { UnavailableError } from '../../errors.ts';
import { HOUR } from '../../local/history/hour-clock.ts';
import type { InterfaceTotal } from '../../local/history/slice.ts';
import type { By, SummaryRow } from '../../local/history/summary.ts';
import type { Counts } from '../../local/observe/conntrack.ts';
import { momentOf, readingAt } from '../../policy/schedule.ts';
import { ignoredNodes } from '../commands/ignore.ts';
import type { Parts } from '../parts.ts';
import { knownByNow } from './known-by-now.ts';
import { type EndView, endView, nodesNamed } from './traffic.ts';

/** What went between two nodes, or from and to one, or in one hour or day. */
export interface FlowHistoryRow {
  readonly device: EndView | undefined;
  readonly other: EndView | undefined;
  /** When an hour began (ISO 8601), or a day where the home is: 2026-11-21. */
  readonly at: string | undefined;
  readonly up: Counts;
  readonly down: Counts;
  /** Connections that began. */
  readonly connections: number;
  /** What blocks have dropped, both directions together. */
  readonly blocked: Counts;
  /** The amounts are a lower bound. */
  readonly partial: boolean;
}

export interface FlowHistoryView {
  readonly rows: readonly FlowHistoryRow[];
  /** Rows beyond those asked for. */
  readonly more: number;
  readonly total: Omit<FlowHistoryRow, 'device' | 'other' | 'at'>;
  /** What the interfaces counted by themselves, whatever flows were seen. */
  readonly interfaces: readonly InterfaceTotal[];
  /** The first hour of which anything is kept, ISO 8601. */
  readonly from: string | undefined;
  /** What a reader has to know, in words. */
  readonly notes: readonly string[];
}

export interface FlowHistoryRequest {
  /** Seconds back from now; whole hours are counted. */
  readonly since: number;
  readonly by: By;
  readonly top: number;
  readonly all: boolean;
  readonly who?: string | undefined;
}

const DAY = 24 * HOUR;
/** Nobody waits longer for an answer. */
const READ_MS = 30_000;

/**
 * What flows came to, from this router's own history; ids of the same node are one. Days are those of the home's time zone, as
 * far back as hours are kept; before that, of UTC. UnavailableError when no history is kept.
 */
export async function flowHistoryView(parts: Parts, request: FlowHistoryRequest): Promise<FlowHistoryView> {
  const { since, by, top, all, who } = request;
  const { history, config, classOf } = parts;
  if (history === undefined || config.observe.historyDays === 0) {
    throw new UnavailableError('this router keeps no history of flows', {
      hint: 'observe.historyDays in its configuration says for how many days it does',
    });
  }
  const now = nowOf(parts);
  const ignored = all ? undefined : ignoredNodes(parts);
  const summary = await history.read(
    {
      by,
      top,
      classOf,
      byNow: (id) => knownByNow(parts, id),
      only: who === undefined ? undefined : nodesNamed(parts, who),
      without: ignored,
      dayOf: (at) => Math.floor(readingAt(at, config.home.timeZone) / DAY),
      from: Math.max(0, Math.floor((now - since * 1000) / HOUR)),
      to: Math.floor(now / HOUR) + 1,
    },
    AbortSignal.timeout(READ_MS),
  );
  const end = (id: string | undefined) =>
    id === undefined ? undefined : endView(parts, id, summary.texts.get(id));
  return {
    rows: summary.rows.map((row) => ({
      ...amounts(row),
      device: end(row.device),
      other: end(row.other),
      at: row.at === undefined ? undefined : by === 'day' ? dayText(row.at) : iso(row.at),
    })),
    more: summary.more,
    total: amounts(summary.total),
    interfaces: summary.interfaces,
    from: summary.from === undefined ? undefined : iso(summary.from),
    notes: notesOf(parts, summary.unsure),
  };
}

/** The hour (hours since 1970) in which the day began where the home is. */
export function midnightHour(parts: Parts): number {
  const zone = parts.config.home.timeZone;
  const reading = Math.floor(readingAt(nowOf(parts), zone) / DAY) * DAY;
  return Math.floor(momentOf(reading, zone, 'first') / HOUR);
}

/** Unix milliseconds; while the clock is not trusted, the beginning of the hour that the history takes it for. */
function nowOf({ history, clock }: Parts): number {
  const { hour } = history?.hour() ?? { hour: 0 };
  const now = clock.now();
  return Math.floor(now / HOUR) === hour || history === undefined ? now : hour * HOUR;
}

function notesOf(parts: Parts, unsure: boolean): string[] {
  const health = parts.history?.health();
  return [
    ...(unsure ? ['part of it was seen while nobody knew what time it was: its hours are guessed'] : []),
    ...(health?.problem === undefined ? [] : [`not all can be kept at the moment: ${health.problem}`]),
    ...((health?.damaged ?? 0) > 0 ? ['a part of what was kept is damaged, and left out'] : []),
  ];
}

function amounts({ up, down, begun, blocked, partial }: Omit<SummaryRow, 'device' | 'other' | 'at'>) {
  return { up, down, connections: begun, blocked, partial };
}

function iso(hour: number): string {
  return new Date(Math.min(hour * HOUR, 8.64e15)).toISOString();
}

function dayText(day: number): string {
  return iso(day * 24).slice(0, 10);
}
