import { crc32 } from 'node:zlib';
import type { NodeId } from '../../policy/block-set.ts';
import { Message, Writer } from '../../policy/codec.ts';
import { fromHex, toHex } from '../../policy/crypto.ts';
import type { Descriptor } from '../../policy/descriptor.ts';
import { decodeDescriptor, encodeDescriptor } from '../../policy/register-codec.ts';

/** A moment by the wall clock, Unix milliseconds, and whether that clock was trusted. */
export interface Moment {
  readonly at: number;
  readonly trusted: boolean;
}

/** When a node was first and last seen, as far as it is known. */
export interface Lifetime {
  readonly first?: Moment | undefined;
  readonly last?: Moment | undefined;
}

/** What is kept of a node over a restart. */
export interface NodeMemory {
  readonly descriptor: Descriptor;
  readonly life: Lifetime;
}

const VERSION = 1;
const SUM_BYTES = 4;
/** A value is never longer. */
const MAX_BYTES = 32_768;

/**
 * The value under a key: a canonical message (policy/codec.ts; 1 version, 2 descriptor, 3 and 4 first seen and whether that
 * was trusted, 5 and 6 last seen) and the CRC-32 of key and message, so that a value counts in its own place only.
 */
export function encodeMemory(key: string, { descriptor, life }: NodeMemory): Uint8Array {
  const message = new Writer()
    .number(1, VERSION)
    .bytes(2, encodeDescriptor(descriptor))
    .number(3, time(life.first))
    .number(4, life.first?.trusted === true ? 1 : 0)
    .number(5, time(life.last))
    .number(6, life.last?.trusted === true ? 1 : 0)
    .finish();
  return sealed(key, message);
}

/** `newer`: written by a later version. `rubbish`: not what was written under this key. Never throws. */
export function decodeMemory(key: string, node: NodeId, value: Uint8Array): NodeMemory | 'newer' | 'rubbish' {
  const message = value.length > MAX_BYTES ? undefined : unsealed(key, value);
  if (message === undefined) return 'rubbish';
  const version = message.number(1);
  if (version > VERSION) return 'newer';
  const descriptor = version === VERSION ? decodeDescriptor(node, message.message(2)) : undefined;
  if (descriptor === undefined) return 'rubbish';
  return { descriptor, life: { first: moment(message, 3), last: moment(message, 5) } };
}

/** A number under a key; see {@link encodeMemory}. */
export function encodeNumber(key: string, value: number): Uint8Array {
  return sealed(key, new Writer().number(1, VERSION).number(2, value).finish());
}

/** See {@link decodeMemory}. */
export function decodeNumber(key: string, value: Uint8Array): number | 'newer' | 'rubbish' {
  const message = unsealed(key, value);
  if (message === undefined || message.number(1) < VERSION) return 'rubbish';
  return message.number(1) > VERSION ? 'newer' : message.number(2);
}

/** The id of a node under a key; see {@link encodeMemory}. */
export function encodeId(key: string, id: NodeId): Uint8Array {
  return sealed(key, new Writer().number(1, VERSION).bytes(2, fromHex(id)).finish());
}

/** See {@link decodeMemory}. */
export function decodeId(key: string, value: Uint8Array): { readonly id: NodeId } | 'newer' | 'rubbish' {
  const message = unsealed(key, value);
  if (message === undefined || message.number(1) < VERSION) return 'rubbish';
  if (message.number(1) > VERSION) return 'newer';
  const id = message.bytes(2, 16);
  return id === undefined ? 'rubbish' : { id: toHex(id) };
}

function sealed(key: string, message: Uint8Array): Uint8Array {
  const whole = new Uint8Array(message.length + SUM_BYTES);
  whole.set(message);
  new DataView(whole.buffer).setUint32(message.length, sumOf(key, message));
  return whole;
}

function unsealed(key: string, value: Uint8Array): Message | undefined {
  const end = value.length - SUM_BYTES;
  if (end < 0) return undefined;
  const message = value.subarray(0, end);
  const sum = new DataView(value.buffer, value.byteOffset + end).getUint32(0);
  return sum === sumOf(key, message) ? Message.read(message) : undefined;
}

function sumOf(key: string, message: Uint8Array): number {
  return crc32(message, crc32(key));
}

/** 0 is left out by the codec, and no moment. */
function time(moment: Moment | undefined): number {
  return moment === undefined ? 0 : Math.max(1, Math.round(moment.at));
}

function moment(message: Message, tag: number): Moment | undefined {
  const at = message.number(tag);
  return at === 0 ? undefined : { at, trusted: message.number(tag + 1) === 1 };
}
