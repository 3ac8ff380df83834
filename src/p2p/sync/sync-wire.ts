import { Message, Writer } from '../../policy/codec.ts';
import { fromHex, type PeerKey } from '../../policy/crypto.ts';
import type { HomeId } from '../../policy/identity.ts';
import type { OpId } from '../../policy/records.ts';
import type { ActorHeads, RegisterMark } from '../replicated.ts';
import { accept, type Decoded, digestText, hex, refuse } from '../wire.ts';

/** The messages of sync, in the order in which they come (docs/protocol.md). */
export type SyncMessage =
  | {
      readonly kind: 'hello';
      readonly version: number;
      readonly home: HomeId;
      readonly digest: string;
      readonly registers: ReadonlyMap<PeerKey, RegisterMark>;
      /** Ops held; 0 from one that does not say. */
      readonly ops: number;
      /** It understands `runs`. */
      readonly runs?: boolean | undefined;
      /** It only wants to know what differs: the session ends after the heads. */
      readonly compare?: boolean | undefined;
    }
  /** One part of the digests; `more` says that another one follows. */
  | {
      readonly kind: 'digests';
      readonly digests: ReadonlyMap<PeerKey, string>;
      readonly more?: boolean | undefined;
    }
  /** Of peers with many runs, {@link RUN_GROUPS} digests over the heads of their runs (sync-runs.ts). */
  | { readonly kind: 'runs'; readonly digests: ReadonlyMap<PeerKey, Uint8Array> }
  /** One part of the heads; `last` closes the list. */
  | { readonly kind: 'heads'; readonly actors: readonly ActorHeads[]; readonly last: boolean }
  /** So many ops follow in this pass: for showing progress. Not acknowledged; an older version ignores it. */
  | { readonly kind: 'coming'; readonly ops: number }
  | { readonly kind: 'ops'; readonly envelopes: readonly Uint8Array[] }
  /** The end of the first or the second pass over the ops. */
  | { readonly kind: 'ops-end'; readonly pass: number }
  /** One part of a peer's registers; `last` says that they are now told up to their newest. */
  | {
      readonly kind: 'registers';
      readonly peer: PeerKey;
      readonly envelopes: readonly Uint8Array[];
      readonly last: boolean;
    }
  | { readonly kind: 'registers-end' }
  /** So many ops, ops-end, registers and registers-end messages were admitted so far. */
  | { readonly kind: 'ack'; readonly count: number }
  /** A kind that a later version added: ignored. */
  | { readonly kind: 'unknown' };

/** The runs of a peer are told in so many groups, by the first six bits of the run, */
export const RUN_GROUPS = 64;
/** each with a digest of so many bytes. */
export const RUN_DIGEST_BYTES = 16;

const TAGS = {
  hello: 1,
  digests: 2,
  heads: 3,
  ops: 4,
  'ops-end': 5,
  registers: 6,
  'registers-end': 7,
  ack: 8,
  coming: 9,
  runs: 10,
} as const;

/** The bytes of a sync message. */
export function encodeSync(message: Exclude<SyncMessage, { kind: 'unknown' }>): Uint8Array {
  return new Writer().bytes(TAGS[message.kind], body(message)).finish();
}

/** Reads a sync message. Never throws. */
export function decodeSync(bytes: Uint8Array): Decoded<SyncMessage> {
  const outer = Message.read(bytes);
  if (outer === undefined) return refuse('not in canonical form');
  const [field] = outer.fields;
  if (field === undefined) return accept({ kind: 'unknown' });
  const from = field.number === undefined ? Message.read(field.bytes) : undefined;
  if (from === undefined) return refuse('not a message');
  switch (field.tag) {
    case TAGS.hello:
      return readHello(from);
    case TAGS.digests: {
      const digests = readMap(from.each(1), (entry) => hex(entry.bytes(2, 32)));
      if (digests === undefined) return refuse('malformed digests');
      return accept({ kind: 'digests', digests, more: from.number(2) === 1 || undefined });
    }
    case TAGS.heads:
      return readHeads(from);
    case TAGS.ops:
      return accept({ kind: 'ops', envelopes: from.each(1) });
    case TAGS['ops-end']:
      return accept({ kind: 'ops-end', pass: from.number(1) });
    case TAGS.registers: {
      const peer = hex(from.bytes(1, 32));
      if (peer === undefined) return refuse('malformed registers');
      return accept({ kind: 'registers', peer, envelopes: from.each(2), last: from.number(3) === 1 });
    }
    case TAGS['registers-end']:
      return accept({ kind: 'registers-end' });
    case TAGS.ack:
      return accept({ kind: 'ack', count: from.number(1) });
    case TAGS.coming:
      return accept({ kind: 'coming', ops: from.number(1) });
    case TAGS.runs: {
      const digests = readMap(from.each(1), (entry) => entry.bytes(2, RUN_GROUPS * RUN_DIGEST_BYTES));
      return digests === undefined ? refuse('malformed runs') : accept({ kind: 'runs', digests });
    }
    default:
      return accept({ kind: 'unknown' });
  }
}

function body(message: Exclude<SyncMessage, { kind: 'unknown' }>): Uint8Array {
  const out = new Writer();
  switch (message.kind) {
    case 'hello':
      return out
        .number(1, message.version)
        .bytes(2, fromHex(message.home))
        .bytes(3, fromHex(message.digest))
        .each(
          4,
          entries(message.registers, (to, mark) => to.number(2, mark.gen).number(3, mark.rev)),
        )
        .number(5, message.ops)
        .number(6, message.runs === true ? 1 : 0)
        .number(7, message.compare === true ? 1 : 0)
        .finish();
    case 'digests':
      return out
        .each(
          1,
          entries(message.digests, (to, digest) => to.bytes(2, fromHex(digest))),
        )
        .number(2, message.more === true ? 1 : 0)
        .finish();
    case 'runs':
      return out
        .each(
          1,
          entries(message.digests, (to, digests) => to.bytes(2, digests)),
        )
        .finish();
    case 'heads':
      return out
        .each(1, message.actors.map(encodeActor))
        .number(2, message.last ? 1 : 0)
        .finish();
    case 'ops':
      return out.each(1, message.envelopes).finish();
    case 'ops-end':
      return out.number(1, message.pass).finish();
    case 'registers':
      return out
        .bytes(1, fromHex(message.peer))
        .each(2, message.envelopes)
        .number(3, message.last ? 1 : 0)
        .finish();
    case 'registers-end':
      return out.finish();
    case 'ack':
      return out.number(1, message.count).finish();
    case 'coming':
      return out.number(1, message.ops).finish();
  }
}

function encodeActor(actor: ActorHeads): Uint8Array {
  const heads = actor.heads.map((head) =>
    new Writer().bytes(1, fromHex(head.id)).number(2, head.seq).finish(),
  );
  return new Writer().bytes(1, fromHex(actor.peer)).bytes(2, fromHex(actor.run)).each(3, heads).finish();
}

function readHello(from: Message): Decoded<SyncMessage> {
  const home = hex(from.bytes(2, 32));
  const digest = digestText(from, 3);
  const registers = readMap(from.each(4), (entry) => ({ gen: entry.number(2), rev: entry.number(3) }));
  if (home === undefined || digest === undefined || registers === undefined) return refuse('malformed hello');
  return accept({
    kind: 'hello',
    version: from.number(1),
    home,
    digest,
    registers,
    ops: from.number(5),
    runs: from.number(6) === 1 || undefined,
    compare: from.number(7) === 1 || undefined,
  });
}

function readHeads(from: Message): Decoded<SyncMessage> {
  const actors: ActorHeads[] = [];
  for (const bytes of from.each(1)) {
    const entry = Message.read(bytes);
    const peer = hex(entry?.bytes(1, 32));
    const run = hex(entry?.bytes(2, 16));
    if (entry === undefined || peer === undefined || run === undefined) return refuse('malformed heads');
    const heads: { id: OpId; seq: number }[] = [];
    for (const bytes of entry.each(3)) {
      const head = Message.read(bytes);
      const id = hex(head?.bytes(1, 32));
      if (head === undefined || id === undefined || head.number(2) === 0) return refuse('malformed heads');
      heads.push({ id, seq: head.number(2) });
    }
    actors.push({ peer, run, heads });
  }
  return accept({ kind: 'heads', actors, last: from.number(2) === 1 });
}

function entries<T>(map: ReadonlyMap<PeerKey, T>, write: (to: Writer, value: T) => Writer): Uint8Array[] {
  return [...map].map(([peer, value]) => write(new Writer().bytes(1, fromHex(peer)), value).finish());
}

function readMap<T>(
  items: readonly Uint8Array[],
  read: (entry: Message) => T | undefined,
): Map<PeerKey, T> | undefined {
  const map = new Map<PeerKey, T>();
  for (const bytes of items) {
    const entry = Message.read(bytes);
    const peer = hex(entry?.bytes(1, 32));
    const value = entry === undefined ? undefined : read(entry);
    if (peer === undefined || value === undefined || map.has(peer)) return undefined;
    map.set(peer, value);
  }
  return map;
}
