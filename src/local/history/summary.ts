import type { NodeId } from '../../policy/block-set.ts';
import type { Counts } from '../observe/conntrack.ts';
import { HOUR } from './hour-clock.ts';
import { added, NONE, OTHERS, type Row } from './row.ts';
import { addInterfaces, type InterfaceTotal, type Piece } from './slice.ts';

/** What rows are added up by. */
export type By = 'device' | 'remote' | 'pair' | 'hour' | 'day';

export interface SummaryRequest {
  readonly by: By;
  /** Only what these nodes sent or received, seen from them. */
  readonly only?: ReadonlySet<NodeId> | undefined;
  /** Nodes whose traffic is left out, whichever end they are. */
  readonly without?: ReadonlySet<NodeId> | undefined;
  /** So many sums at most: those with the most bytes, or the newest hours or days. */
  readonly top: number;
  /** All ids that are the same node, itself among them: their rows are added up here, and kept apart on disk. */
  readonly classOf: (id: NodeId) => readonly NodeId[];
  /** The node that it is by now, whose rows are added up with its own. Itself by default. */
  readonly byNow?: ((id: NodeId) => NodeId) | undefined;
  /** The day (any number that grows by one from day to day) of a moment, Unix milliseconds. UTC by default. */
  readonly dayOf?: ((at: number) => number) | undefined;
}

/** One sum. Ids are the smallest of their class. */
export interface SummaryRow {
  /** Undefined when the sum is over all devices; {@link OTHERS} when nobody can tell. */
  readonly device: NodeId | undefined;
  readonly other: NodeId | undefined;
  /** Hours since 1970 (UTC), or the day as `dayOf` numbers it. */
  readonly at: number | undefined;
  readonly up: Counts;
  readonly down: Counts;
  readonly begun: number;
  readonly blocked: Counts;
  readonly partial: boolean;
}

export interface Summary {
  readonly rows: readonly SummaryRow[];
  /** Sums that are not among the rows. */
  readonly more: number;
  /** Everything that was added up, each row once. */
  readonly total: Omit<SummaryRow, 'device' | 'other' | 'at'>;
  readonly interfaces: readonly InterfaceTotal[];
  /** The first hour of which anything was kept; undefined when nothing was. */
  readonly from: number | undefined;
  /** Part of it was put down under a guessed hour. */
  readonly unsure: boolean;
  /** What was written for a node at the time, for nodes in the rows that nobody knows any more. */
  readonly texts: ReadonlyMap<NodeId, string>;
}

interface Sum {
  device: NodeId | undefined;
  other: NodeId | undefined;
  at: number | undefined;
  up: Counts;
  down: Counts;
  begun: number;
  blocked: Counts;
  partial: boolean;
}

/** So many sums are kept apart; what is beyond is one sum of others. */
const MAX_SUMS = 200_000;
const MAX_NODES = 2 ** 20;

/** Adds up rows of history, slice by slice. */
export class Summing {
  readonly #request: SummaryRequest;
  readonly #sums = new Map<number, Sum>();
  readonly #total = sumOf(undefined, undefined, undefined);
  /** Id → the smallest of its class, as a number. */
  readonly #numbers = new Map<NodeId, number>();
  readonly #ids: NodeId[] = [];
  readonly #texts = new Map<NodeId, string>();
  #interfaces: InterfaceTotal[] = [];
  #from: number | undefined;
  #unsure = false;

  constructor(request: SummaryRequest) {
    this.#request = request;
    this.#number(OTHERS);
  }

  /** What was kept of a stretch of time that began with an hour. */
  add(hour: number, piece: Omit<Piece, 'words'> & Partial<Pick<Piece, 'words'>>): void {
    const { by, only, without, dayOf = (at) => Math.floor(at / (24 * HOUR)) } = this.#request;
    this.#from = Math.min(this.#from ?? hour, hour);
    this.#unsure ||= !piece.sure;
    if (piece.interfaces.length > 0) this.#interfaces = addInterfaces(this.#interfaces, piece.interfaces);
    const at = by === 'hour' ? hour : by === 'day' ? dayOf(hour * HOUR) : 0;
    for (const row of piece.rows) {
      if (without?.has(row.device) === true || without?.has(row.other) === true) continue;
      const seen = seenFrom(row, only);
      if (seen !== undefined) this.#row(seen, at);
    }
    for (const word of piece.words ?? []) {
      if (word.text !== '') this.#texts.set(this.#ids[this.#number(word.id)] ?? '', word.text);
    }
  }

  finish(): Summary {
    const { by, top } = this.#request;
    const sums = [...this.#sums.values()];
    const timed = by === 'hour' || by === 'day';
    sums.sort((x, y) => (timed ? (y.at ?? 0) - (x.at ?? 0) : weight(y) - weight(x)));
    const rows = sums.slice(0, top);
    const shown = new Set(rows.flatMap(({ device, other }) => [device, other]));
    return {
      rows: timed ? rows.reverse() : rows,
      more: sums.length - rows.length,
      total: this.#total,
      interfaces: this.#interfaces,
      from: this.#from,
      unsure: this.#unsure,
      texts: new Map([...this.#texts].filter(([id]) => shown.has(id))),
    };
  }

  #row(row: Row, at: number): void {
    const { by } = this.#request;
    const device = this.#number(row.device);
    const other = this.#number(row.other);
    addTo(this.#total, row);
    switch (by) {
      case 'device':
        addTo(this.#sum(device, undefined, undefined), row);
        // Seen from one of its ends only when that was asked for.
        if (row.otherIsDevice && this.#request.only === undefined)
          addTo(this.#sum(other, undefined, undefined), turned(row));
        break;
      case 'remote':
        addTo(this.#sum(undefined, other, undefined), row);
        break;
      case 'pair':
        // Two devices are one pair, whichever of them began.
        if (row.otherIsDevice && this.#request.only === undefined && device > other)
          addTo(this.#sum(other, device, undefined), turned(row));
        else addTo(this.#sum(device, other, undefined), row);
        break;
      default:
        addTo(this.#sum(undefined, undefined, at), row);
    }
  }

  #sum(device: number | undefined, other: number | undefined, at: number | undefined): Sum {
    const key = at ?? (device ?? MAX_NODES - 1) * MAX_NODES + (other ?? MAX_NODES - 1);
    const known = this.#sums.get(key);
    if (known !== undefined) return known;
    if (this.#sums.size >= MAX_SUMS && (device !== 0 || other !== 0)) {
      return this.#sum(device === undefined ? undefined : 0, other === undefined ? undefined : 0, at);
    }
    const id = (number: number | undefined) => (number === undefined ? undefined : this.#ids[number]);
    const sum = sumOf(id(device), id(other), at);
    this.#sums.set(key, sum);
    return sum;
  }

  #number(id: NodeId): number {
    const known = this.#numbers.get(id);
    if (known !== undefined) return known;
    if (this.#ids.length >= MAX_NODES - 1) return 0;
    const { classOf, byNow } = this.#request;
    // Words such as `internet` and OTHERS are no nodes.
    const isNode = id.length === 32;
    let first = (isNode ? byNow?.(id) : undefined) ?? id;
    if (isNode) for (const same of classOf(first)) if (same < first) first = same;
    let number = first === id ? undefined : this.#numbers.get(first);
    if (number === undefined) {
      number = this.#ids.length;
      this.#ids.push(first);
      this.#numbers.set(first, number);
    }
    this.#numbers.set(id, number);
    return number;
  }
}

/** The row with one of `only` as its device; undefined when it has none of them. */
function seenFrom(row: Row, only: ReadonlySet<NodeId> | undefined): Row | undefined {
  if (only === undefined || only.has(row.device)) return row;
  return only.has(row.other) ? turned(row) : undefined;
}

/** Seen from the other end. */
function turned(row: Row): Row {
  return { ...row, device: row.other, other: row.device, up: row.down, down: row.up };
}

function sumOf(device: NodeId | undefined, other: NodeId | undefined, at: number | undefined): Sum {
  return { device, other, at, up: NONE, down: NONE, begun: 0, blocked: NONE, partial: false };
}

function addTo(sum: Sum, row: Row): void {
  if (row.up !== NONE) sum.up = added(sum.up, row.up);
  if (row.down !== NONE) sum.down = added(sum.down, row.down);
  if (row.blocked !== NONE) sum.blocked = added(sum.blocked, row.blocked);
  sum.begun += row.begun;
  sum.partial ||= row.partial;
}

function weight({ up, down, blocked }: Sum): number {
  return up.bytes + down.bytes + blocked.bytes / 2 ** 20;
}
