import { canonicalDomain, canonicalPrefix } from './address.ts';
import type { NodeId, RecordId } from './block-set.ts';
import { Message, Writer } from './codec.ts';
import { fromHex, toHex } from './crypto.ts';
import type { Head, Record, Subject, Terms, Window } from './records.ts';

/** Field numbers of the kinds inside a record; never reused. */
export const KINDS = {
  block: 1,
  allow: 2,
  ignore: 3,
  same: 4,
  distinct: 5,
  in: 6,
  name: 7,
  admit: 8,
  evict: 9,
  leave: 10,
  invite: 11,
} as const;

/** Field numbers of the kinds inside a subject; never reused. */
const SUBJECTS = {
  device: 1,
  remote: 2,
  domain: 3,
  pattern: 4,
  network: 5,
  group: 6,
  home: 7,
  lan: 8,
  internet: 9,
  router: 10,
} as const;
/** Those subjects that are text. */
const IN_WORDS: ReadonlySet<number> = new Set([
  SUBJECTS.domain,
  SUBJECTS.pattern,
  SUBJECTS.network,
  SUBJECTS.group,
]);

const EMPTY = new Uint8Array(0);
const MAX_NAME_BYTES = 200;
const MAX_ZONE_BYTES = 64;

/** The canonical bytes of a record. Unknown records are never authored, so they have none: RangeError. */
export function encodeRecord(record: Record): Uint8Array {
  if (record.kind === 'unknown') throw new RangeError('an unknown record cannot be written');
  return new Writer().bytes(KINDS[record.kind], encodeContent(record)).finish();
}

function encodeContent(record: Exclude<Record, { kind: 'unknown' }>): Uint8Array {
  const to = new Writer();
  switch (record.kind) {
    case 'block':
      to.bytes(1, encodeSubject(record.a))
        .bytes(2, encodeSubject(record.b))
        .bytes(3, encodeTerms(record.terms));
      return to.each(4, record.apart.map(encodeRecordId)).finish();
    case 'allow':
      to.bytes(1, encodeSubject(record.a)).bytes(2, encodeSubject(record.b));
      return to.bytes(3, encodeTerms(record.terms)).finish();
    case 'ignore':
      return to.bytes(1, encodeSubject(record.node)).finish();
    case 'same':
    case 'distinct':
      return to.bytes(1, hex(record.x)).bytes(2, hex(record.y)).finish();
    case 'in':
      return to.text(1, record.group).bytes(2, encodeSubject(record.node)).finish();
    case 'name':
      return to.bytes(1, encodeSubject(record.of)).text(2, record.text).finish();
    case 'admit':
      to.bytes(1, hex(record.peer)).number(2, record.admin ? 1 : 0);
      return to.bytes(3, record.invite === undefined ? undefined : hex(record.invite)).finish();
    case 'evict':
      return to.bytes(1, hex(record.peer)).each(2, record.heads.map(encodeHead)).finish();
    case 'leave':
      return EMPTY;
    case 'invite':
      to.bytes(1, hex(record.key)).number(2, record.admin ? 1 : 0);
      return to.number(3, record.until).finish();
  }
}

/**
 * Reads a record. Undefined when its outer two levels are not canonical (the op is refused); a kind or a form that
 * this version does not know is `unknown` (the op is kept).
 */
export function decodeRecord(bytes: Uint8Array): Record | undefined {
  const outer = Message.read(bytes);
  const field = outer?.fields[0];
  if (outer === undefined || field === undefined || outer.fields.length !== 1 || field.number !== undefined) {
    return undefined;
  }
  const content = Message.read(field.bytes);
  if (content === undefined) return undefined;
  return decodeContent(field.tag, content) ?? { kind: 'unknown', tag: field.tag };
}

function decodeContent(tag: number, from: Message): Record | undefined {
  switch (tag) {
    case KINDS.block: {
      const pair = decodePair(from);
      const apart = all(from.each(4).map(decodeRecordId));
      return pair && apart ? { kind: 'block', ...pair, apart } : undefined;
    }
    case KINDS.allow: {
      const pair = decodePair(from);
      return pair ? { kind: 'allow', ...pair } : undefined;
    }
    case KINDS.ignore: {
      const node = decodeSubject(from.message(1));
      return node ? { kind: 'ignore', node } : undefined;
    }
    case KINDS.same:
    case KINDS.distinct: {
      const x = from.bytes(1, 16);
      const y = from.bytes(2, 16);
      const kind = tag === KINDS.same ? 'same' : 'distinct';
      return x && y ? { kind, x: toHex(x), y: toHex(y) } : undefined;
    }
    case KINDS.in: {
      const group = from.text(1, MAX_NAME_BYTES);
      const node = decodeSubject(from.message(2));
      return group && node ? { kind: 'in', group, node } : undefined;
    }
    case KINDS.name: {
      const of = decodeSubject(from.message(1));
      const text = from.text(2, MAX_NAME_BYTES);
      return of && text ? { kind: 'name', of, text } : undefined;
    }
    case KINDS.admit: {
      const peer = from.bytes(1, 32);
      const invite = from.bytes(3);
      if (peer === undefined) return undefined;
      const base = { kind: 'admit', peer: toHex(peer), admin: from.number(2) === 1 } as const;
      return invite === undefined ? base : { ...base, invite: toHex(invite) };
    }
    case KINDS.evict: {
      const peer = from.bytes(1, 32);
      const heads = all(from.each(2).map(decodeHead));
      return peer && heads ? { kind: 'evict', peer: toHex(peer), heads } : undefined;
    }
    case KINDS.leave:
      return { kind: 'leave' };
    case KINDS.invite: {
      const key = from.bytes(1, 32);
      if (key === undefined) return undefined;
      const base = { kind: 'invite', key: toHex(key), admin: from.number(2) === 1 } as const;
      const until = from.number(3);
      return until > 0 ? { ...base, until } : base;
    }
    default:
      return undefined;
  }
}

function decodePair(from: Message): { a: Subject; b: Subject; terms: Terms } | undefined {
  const a = decodeSubject(from.message(1));
  const b = decodeSubject(from.message(2));
  const terms = from.has(3) ? decodeTerms(from.message(3)) : {};
  return a && b && terms ? { a, b, terms } : undefined;
}

function encodeSubject(subject: Subject): Uint8Array {
  const tag = SUBJECTS[subject.kind];
  const to = new Writer();
  switch (subject.kind) {
    case 'device':
    case 'remote':
      return to.bytes(tag, hex(subject.id)).finish();
    case 'domain':
      return to.text(tag, subject.domain).finish();
    case 'pattern':
      return to.text(tag, subject.suffix).finish();
    case 'network':
      return to.text(tag, subject.prefix).finish();
    case 'group':
      return to.text(tag, subject.group).finish();
    case 'router':
      return to.bytes(tag, hex(subject.peer)).finish();
    default:
      return to.bytes(tag, EMPTY).finish();
  }
}

function decodeSubject(from: Message | undefined): Subject | undefined {
  const tag = from?.fields[0]?.tag;
  if (from === undefined || tag === undefined || from.fields.length !== 1) return undefined;
  const bytes = from.bytes(tag);
  // Not for the others: to find that an id is no text costs more than all the rest.
  const text = IN_WORDS.has(tag) ? from.text(tag, 255) : undefined;
  switch (tag) {
    case SUBJECTS.device:
      return bytes?.length === 16 ? { kind: 'device', id: toHex(bytes) } : undefined;
    case SUBJECTS.remote:
      return bytes?.length === 16 ? { kind: 'remote', id: toHex(bytes) } : undefined;
    case SUBJECTS.domain:
      return text && canonicalDomain(text) === text ? { kind: 'domain', domain: text } : undefined;
    case SUBJECTS.pattern:
      return text && canonicalDomain(`x.${text}`) === `x.${text}`
        ? { kind: 'pattern', suffix: text }
        : undefined;
    case SUBJECTS.network:
      return text && canonicalPrefix(text) === text ? { kind: 'network', prefix: text } : undefined;
    case SUBJECTS.group:
      return text ? { kind: 'group', group: text } : undefined;
    case SUBJECTS.home:
      return bytes?.length === 0 ? { kind: 'home' } : undefined;
    case SUBJECTS.lan:
      return bytes?.length === 0 ? { kind: 'lan' } : undefined;
    case SUBJECTS.internet:
      return bytes?.length === 0 ? { kind: 'internet' } : undefined;
    case SUBJECTS.router:
      return bytes?.length === 32 ? { kind: 'router', peer: toHex(bytes) } : undefined;
    default:
      return undefined;
  }
}

/** Undefined for terms that say nothing, so that an untimed policy has no field for them. */
function encodeTerms(terms: Terms): Uint8Array | undefined {
  const windows = (terms.windows ?? []).map((window) =>
    new Writer().number(1, window.days).number(2, window.from).number(3, window.to).finish(),
  );
  const bytes = new Writer()
    .number(1, terms.for)
    .number(2, terms.until)
    .each(3, windows)
    .text(4, terms.reason)
    .text(5, terms.zone)
    .finish();
  return bytes.length === 0 ? undefined : bytes;
}

/** Terms of a newer version (unknown fields) make the whole record unknown: half of a term is not a term. */
function decodeTerms(from: Message | undefined): Terms | undefined {
  if (from === undefined || from.fields.some((field) => field.tag > 5)) return undefined;
  const windows = all(from.each(3).map(decodeWindow));
  const reason = from.text(4, MAX_NAME_BYTES);
  const zone = from.text(5, MAX_ZONE_BYTES);
  if (windows === undefined || reason === undefined || zone === undefined) return undefined;
  return {
    ...(from.has(1) ? { for: from.number(1) } : {}),
    ...(from.has(2) ? { until: from.number(2) } : {}),
    ...(windows.length > 0 ? { windows } : {}),
    ...(reason === '' ? {} : { reason }),
    ...(zone === '' ? {} : { zone }),
  };
}

function decodeWindow(bytes: Uint8Array): Window | undefined {
  const from = Message.read(bytes);
  if (from === undefined) return undefined;
  const window = { days: from.number(1), from: from.number(2), to: from.number(3) };
  const valid = window.days >= 1 && window.days < 128 && window.from < 1440 && window.to < 1440;
  return valid ? window : undefined;
}

function encodeHead(head: Head): Uint8Array {
  return new Writer().bytes(1, hex(head.run)).number(2, head.seq).bytes(3, hex(head.id)).finish();
}

function decodeHead(bytes: Uint8Array): Head | undefined {
  const from = Message.read(bytes);
  const run = from?.bytes(1, 16);
  const id = from?.bytes(3, 32);
  if (from === undefined || run === undefined || id === undefined || from.number(2) < 1) return undefined;
  return { run: toHex(run), seq: from.number(2), id: toHex(id) };
}

/** 34 bytes: the op's id and the index of the record in it, big-endian. */
export function encodeRecordId(id: RecordId): Uint8Array {
  const [op = '', index = '0'] = id.split('/');
  const n = Number(index);
  const bytes = new Uint8Array(34);
  bytes.set(hex(op));
  bytes[32] = n >> 8;
  bytes[33] = n & 0xff;
  return bytes;
}

/** Undefined for anything but 34 bytes. */
export function decodeRecordId(bytes: Uint8Array): RecordId | undefined {
  if (bytes.length !== 34) return undefined;
  return `${toHex(bytes.subarray(0, 32))}/${((bytes[32] ?? 0) << 8) | (bytes[33] ?? 0)}`;
}

function hex(text: NodeId | string): Uint8Array {
  const bytes = fromHex(text);
  if (bytes === undefined) throw new RangeError('not hex digits');
  return bytes;
}

/** All or nothing: undefined as soon as one item is. */
function all<T>(items: readonly (T | undefined)[]): T[] | undefined {
  return items.every((item) => item !== undefined) ? (items as T[]) : undefined;
}
