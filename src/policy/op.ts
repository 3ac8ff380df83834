import type { RecordId } from './block-set.ts';
import { Message, Writer } from './codec.ts';
import { type Crypto, fromHex, type PeerKey, toHex, utf8 } from './crypto.ts';
import type { HomeId } from './identity.ts';
import { decodeRecord, decodeRecordId, encodeRecord, encodeRecordId } from './record-codec.ts';
import type { OpId, Record, RunId } from './records.ts';

/** One signed change, named by the hash of its body. Bytes are kept as they came and relayed verbatim. */
export interface Op {
  readonly id: OpId;
  readonly peer: PeerKey;
  readonly run: RunId;
  /** 1, 2, 3 … within the actor. */
  readonly seq: number;
  /** The actor's op before this one; undefined at seq 1. */
  readonly prev: OpId | undefined;
  /** The author's wall clock, Unix milliseconds: for the audit only. */
  readonly at: number;
  /** Whether the author trusted that clock: for the audit only. */
  readonly trusted: boolean;
  /** The person or the door: for the audit only. */
  readonly by: string;
  /** The op whose inverse this is: for the audit, and so that it is not undone twice. */
  readonly undoes: OpId | undefined;
  /** The records that this op retires. */
  readonly over: readonly RecordId[];
  /** The records that this op adds; the record with index i has the id `<op id>/<i>`. */
  readonly add: readonly Record[];
  readonly envelope: Uint8Array;
}

/** What an author decides about an op; the rest follows from the actor. */
export interface Draft {
  readonly at: number;
  readonly trusted?: boolean | undefined;
  readonly by: string;
  readonly undoes?: OpId | undefined;
  readonly over: readonly RecordId[];
  readonly add: readonly Record[];
}

export type Decoded = { readonly ok: true; readonly op: Op } | { readonly ok: false; readonly why: string };

/** An envelope is never larger, in bytes. A larger change is several ops. */
export const MAX_OP_BYTES = 32_768;
/** The version of the op format; another one is refused until all members announce it. */
export const OP_VERSION = 1;

const SIGNED = utf8('hedgerow-op/1\0');
/** So long may the name of a person or a door be, UTF-8. */
export const MAX_BY_BYTES = 200;

/** Makes and signs an op. RangeError when it would be larger than {@link MAX_OP_BYTES}. */
export function encodeOp(
  actor: { home: HomeId; peer: PeerKey; run: RunId; seq: number; prev: OpId | undefined },
  draft: Draft,
  sign: (message: Uint8Array) => Uint8Array,
): Uint8Array {
  const body = new Writer()
    .number(1, OP_VERSION)
    .bytes(2, fromHex(actor.home))
    .bytes(3, fromHex(actor.peer))
    .bytes(4, fromHex(actor.run))
    .number(5, actor.seq)
    .bytes(6, actor.prev === undefined ? undefined : fromHex(actor.prev))
    .number(7, Math.max(0, Math.floor(draft.at)))
    .text(8, draft.by)
    .each(9, [...new Set(draft.over)].sort(byBytes).map(encodeRecordId))
    .each(10, draft.add.map(encodeRecord))
    .number(11, draft.trusted === true ? 1 : 0)
    .bytes(12, draft.undoes === undefined ? undefined : fromHex(draft.undoes))
    .finish();
  const envelope = seal(body, sign(concat(SIGNED, body)));
  if (envelope.length > MAX_OP_BYTES)
    throw new RangeError(`a change of ${envelope.length} bytes is too large`);
  return envelope;
}

/** Reads and checks everything about an op that needs no other op: size, form, home, signature. Never throws. */
export function decodeOp(envelope: Uint8Array, home: HomeId, crypto: Crypto): Decoded {
  if (envelope.length > MAX_OP_BYTES) return refuse('too large');
  const outer = unseal(envelope);
  if (outer === undefined) return refuse('not an envelope');
  const op = decodeBody(outer.body, envelope, crypto);
  if (typeof op === 'string') return refuse(op);
  if (op.home !== home) return refuse('of another home');
  if (!crypto.verify(op.op.peer, concat(SIGNED, outer.body), outer.sig)) return refuse('wrong signature');
  return { ok: true, op: op.op };
}

/** Reads an op that this agent had verified and stored: only its hash is checked, where `id` is known. Never throws. */
export function decodeStoredOp(envelope: Uint8Array, id: OpId | undefined, crypto: Crypto): Decoded {
  const outer = unseal(envelope);
  const op = outer === undefined ? 'not an envelope' : decodeBody(outer.body, envelope, crypto);
  if (typeof op === 'string') return refuse(op);
  return id === undefined || op.op.id === id
    ? { ok: true, op: op.op }
    : refuse('not the op that its name says');
}

function decodeBody(
  body: Uint8Array,
  envelope: Uint8Array,
  crypto: Crypto,
): { home: HomeId; op: Op } | string {
  const from = Message.read(body);
  if (from === undefined) return 'not in canonical form';
  if (from.number(1) !== OP_VERSION) return 'of another version';
  const home = from.bytes(2, 32);
  const peer = from.bytes(3, 32);
  const run = from.bytes(4, 16);
  const seq = from.number(5);
  const prev = from.bytes(6, 32);
  const by = from.text(8, MAX_BY_BYTES);
  if (!home || !peer || !run || by === undefined) return 'a field is missing or malformed';
  if (seq < 1 || (seq === 1) === from.has(6) || (seq > 1 && prev === undefined)) return 'not in a chain';
  if (from.has(7) && from.number(7) === 0) return 'a field is missing or malformed';
  const over: RecordId[] = [];
  let last = '';
  for (const bytes of from.each(9)) {
    const id = decodeRecordId(bytes);
    const order = toHex(bytes);
    if (id === undefined || order <= last) return 'the retired records are malformed';
    last = order;
    over.push(id);
  }
  const add: Record[] = [];
  for (const bytes of from.each(10)) {
    const record = decodeRecord(bytes);
    if (record === undefined) return 'a record is malformed';
    add.push(record);
  }
  if (add.length > 0xffff) return 'too many records';
  // Of another form than we know it is a later version's: kept, and nothing to us.
  const undoes = from.bytes(12, 32);
  const op: Op = {
    id: toHex(crypto.sha256(body)),
    peer: toHex(peer),
    run: toHex(run),
    seq,
    prev: prev === undefined ? undefined : toHex(prev),
    at: from.number(7),
    trusted: from.number(11) === 1,
    by,
    undoes: undoes === undefined ? undefined : toHex(undoes),
    over,
    add,
    envelope,
  };
  return { home: toHex(home), op };
}

/** `{body, sig}`, the outer form of ops and registers. */
export function seal(body: Uint8Array, sig: Uint8Array): Uint8Array {
  return new Writer().bytes(1, body).bytes(2, sig).finish();
}

/** The parts of an envelope that holds nothing else; undefined otherwise. */
export function unseal(envelope: Uint8Array): { body: Uint8Array; sig: Uint8Array } | undefined {
  const from = Message.read(envelope);
  const body = from?.bytes(1);
  const sig = from?.bytes(2, 64);
  return body && sig && from?.fields.length === 2 ? { body, sig } : undefined;
}

/** One byte string out of several. */
export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** The order of the encoded bytes: by op id, then by index. */
function byBytes(a: RecordId, b: RecordId): number {
  const x = toHex(encodeRecordId(a));
  const y = toHex(encodeRecordId(b));
  return x < y ? -1 : x > y ? 1 : 0;
}

function refuse(why: string): Decoded {
  return { ok: false, why };
}
