import type { RecordId } from '../../policy/block-set.ts';
import type { Live } from '../../policy/contents.ts';
import type { Op } from '../../policy/op.ts';
import type { OpId, Record, Terms } from '../../policy/records.ts';
import { keyOf } from './pair.ts';

/** What telling an inverse needs of the replica; the replica itself is one. */
export interface Held {
  readonly live: ReadonlyMap<RecordId, Live>;
  retiredBy(id: RecordId): OpId | undefined;
  op(id: OpId): Op | undefined;
}

/** A record that comes back under a new id, which is known once the inverse is written. */
export interface Revived {
  readonly of: RecordId;
  readonly record: Record;
}

/** What takes one change back: the records to retire (their ids, or those of what an earlier inverse revives) and to add. */
export interface Inverse {
  readonly op: Op;
  readonly over: readonly (RecordId | Revived)[];
  readonly add: readonly Revived[];
  /** What does not come back, and why. */
  readonly notes: readonly string[];
}

export interface Moment {
  /** Wall time, Unix milliseconds. */
  readonly now: number;
  readonly trusted: boolean;
}

/**
 * Tells the inverses of changes, newest first, each as if those before it were written already. A record that was
 * retired, and came back by an undo under a new id, is followed to that id.
 */
export class Inverses {
  readonly #held: Held;
  readonly #moment: Moment;
  readonly #label: (record: Record) => string;
  /** The ops that undo others, by what they undo; a large inverse is several ops, here oldest first. */
  readonly #undoers = new Map<OpId, Op[]>();
  readonly #revived = new Map<OpId, ReadonlyMap<RecordId, RecordId>>();
  readonly #ops = new Map<OpId, Op>();
  readonly #noted = new Set<OpId>();
  readonly #planned = new Map<OpId, Inverse>();
  /** Retired by a planned inverse. */
  readonly #gone = new Set<RecordId | Revived>();

  constructor(held: Held, moment: Moment, label: (record: Record) => string) {
    this.#held = held;
    this.#moment = moment;
    this.#label = label;
  }

  /** Takes note of a counted op. Newest first: what undoes an op has to be known before that is asked for. */
  note(op: Op): void {
    this.#noted.add(op.id);
    if (op.undoes !== undefined) this.#undoers.set(op.undoes, [op, ...(this.#undoers.get(op.undoes) ?? [])]);
  }

  isUndone(op: Op): boolean {
    return this.#undoers.has(op.id);
  }

  /** The inverse of a change; undefined when nothing of it is left to take back. */
  plan(op: Op): Inverse | undefined {
    const over = op.add.flatMap((record, index) => {
      const now = isUndoable(record) ? this.#now(`${op.id}/${index}`) : undefined;
      return now === undefined ? [] : [now];
    });
    const notes: string[] = [];
    const add: Revived[] = [];
    for (const id of op.over) {
      const from = this.#op(id.split('/')[0] ?? '');
      const record = this.#contentOf(id);
      if (from === undefined || record === undefined || !isUndoable(record)) continue;
      if (this.#now(id) !== undefined || this.#isThere(record, op, over)) continue;
      const back = remaining(record, from, this.#moment);
      if (typeof back === 'string') notes.push(`${this.#label(record)} does not come back: ${back}`);
      else add.push({ of: id, record: back });
    }
    if (over.length === 0 && add.length === 0 && notes.length === 0) return undefined;
    const inverse = { op, over, add, notes };
    for (const each of over) this.#gone.add(each);
    this.#planned.set(op.id, inverse);
    return inverse;
  }

  /** Under which id a record lives now: its own, or that of what an undo brought back in its place. */
  #now(id: RecordId): RecordId | Revived | undefined {
    let at = id;
    for (;;) {
      if (this.#held.live.has(at)) return this.#gone.has(at) ? undefined : at;
      const retirer = this.#held.retiredBy(at);
      if (retirer === undefined) return undefined;
      const revived = this.#planned.get(retirer)?.add.find(({ of }) => of === at);
      if (revived !== undefined) return this.#gone.has(revived) ? undefined : revived;
      const next = this.#revivals(retirer).get(at);
      if (next === undefined) return undefined;
      at = next;
    }
  }

  /** What the undo of a change brought back for each of the records that the change had retired. */
  #revivals(retirer: OpId): ReadonlyMap<RecordId, RecordId> {
    const known = this.#revived.get(retirer);
    if (known !== undefined) return known;
    const revived = new Map<RecordId, RecordId>();
    const undoers = this.#undoers.get(retirer) ?? [];
    // Of several alike, the first came back as the first.
    const back = Map.groupBy(
      undoers.flatMap(({ id, add }) => add.map((record, index) => ({ id: `${id}/${index}`, record }))),
      ({ record }) => contentKey(untimed(record)),
    );
    for (const id of undoers.length === 0 ? [] : (this.#op(retirer)?.over ?? [])) {
      const record = this.#contentOf(id);
      const next = record === undefined ? undefined : back.get(contentKey(untimed(record)))?.shift();
      if (next !== undefined) revived.set(id, next.id);
    }
    this.#revived.set(retirer, revived);
    return revived;
  }

  #contentOf(id: RecordId): Record | undefined {
    const [of = '', index] = id.split('/');
    return this.#op(of)?.add[Number(index)];
  }

  /** An op is read from the disk once. */
  #op(id: OpId): Op | undefined {
    const op = this.#ops.get(id) ?? this.#held.op(id);
    if (op !== undefined) this.#ops.set(id, op);
    return op;
  }

  /**
   * Whether somebody has wanted it anew since the op: what would change nothing is not written, and a newer name stays. What
   * an undo brought back is not new.
   */
  #isThere(record: Record, op: Op, over: readonly (RecordId | Revived)[]): boolean {
    const key = contentKey(record);
    for (const live of this.#held.live.values()) {
      if (over.includes(live.id) || this.#gone.has(live.id)) continue;
      if (record.kind === 'name' && live.record.kind === 'name') {
        if (keyOf(record.of) === keyOf(live.record.of)) return true;
        continue;
      }
      const anew = live.op.id !== op.id && live.op.undoes === undefined && this.#noted.has(live.op.id);
      if (anew && live.record.kind === record.kind && contentKey(live.record) === key) return true;
    }
    return false;
  }
}

const ABOUT_MEMBERS: ReadonlySet<Record['kind']> = new Set(['admit', 'evict', 'leave', 'invite']);

/** Membership cannot be taken back, and what this version does not know it cannot write. */
export function isUndoable(record: Record): boolean {
  return !isMembership(record) && record.kind !== 'unknown';
}

export function isMembership(record: Record): boolean {
  return ABOUT_MEMBERS.has(record.kind);
}

/** One text for what a record says, terms included; equal texts say the same. */
export function contentKey(record: Record): string {
  switch (record.kind) {
    case 'block':
    case 'allow':
      return [record.kind, ...[keyOf(record.a), keyOf(record.b)].sort(), termsKey(record.terms)].join(' ');
    case 'same':
    case 'distinct':
      return [record.kind, ...[record.x, record.y].sort()].join(' ');
    case 'ignore':
      return `ignore ${keyOf(record.node)}`;
    case 'in':
      return JSON.stringify(['in', record.group, keyOf(record.node)]);
    case 'name':
      return JSON.stringify(['name', keyOf(record.of), record.text]);
    default:
      return JSON.stringify(record);
  }
}

function termsKey({ for: seconds, until, windows, zone, reason }: Terms): string {
  return JSON.stringify([
    seconds,
    until,
    windows?.map(({ days, from, to }) => [days, from, to]),
    zone,
    reason,
  ]);
}

/** A record that came back in place of another says the same but for how long. */
function untimed(record: Record): Record {
  if (record.kind !== 'block' && record.kind !== 'allow') return record;
  return { ...record, terms: { ...record.terms, for: undefined, until: undefined } };
}

/**
 * A retired record as it comes back: a timed one for the time that it had left. This router counts live records only, so
 * the end of a retired one is told by wall clocks, its author's and this one, if both are trusted; otherwise the text
 * says why it stays away.
 */
function remaining(record: Record, from: Op, { now, trusted }: Moment): Record | string {
  if (record.kind !== 'block' && record.kind !== 'allow') return record;
  const { terms } = record;
  if (terms.for === undefined && terms.until === undefined) return record;
  const end =
    terms.until ?? (from.trusted && terms.for !== undefined ? from.at + terms.for * 1000 : undefined);
  if (end === undefined || !trusted) return 'how much of its time was left cannot be told here';
  if (end <= now) return 'it would have ended meanwhile';
  const left = terms.for === undefined ? undefined : Math.ceil((end - now) / 1000);
  return { ...record, terms: { ...terms, for: left } };
}
