/**
 * The one canonical form of protobuf that Hedgerow signs and sends (docs/protocol.md): fields in ascending order,
 * shortest varints, no varint of value 0, only wire types 0 (varint) and 2 (length-delimited). The check needs no
 * schema, so that every version of the program gives every byte string the same verdict.
 */
export interface Field {
  readonly tag: number;
  /** The value of a varint field, up to 2^53 − 1; undefined for a length-delimited one. */
  readonly number: number | undefined;
  /** The content of a length-delimited field; empty for a varint. */
  readonly bytes: Uint8Array;
}

const NOTHING = new Uint8Array(0);
const MAX_TAG = 2 ** 29 - 1;

/** The fields of a canonical message, in order; undefined when the bytes are not in canonical form. Never throws. */
export function readFields(message: Uint8Array): Field[] | undefined {
  const fields: Field[] = [];
  let at = 0;
  let last = 0;
  const varint = (): number | undefined => {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 8; i++) {
      const byte = message[at++];
      if (byte === undefined) return undefined;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return (byte === 0 && i > 0) || value > Number.MAX_SAFE_INTEGER ? undefined : value;
      scale *= 128;
    }
    return undefined;
  };
  while (at < message.length) {
    const key = varint();
    if (key === undefined) return undefined;
    const tag = Math.floor(key / 8);
    if (tag < Math.max(1, last) || tag > MAX_TAG) return undefined;
    last = tag;
    const value = varint();
    if (value === undefined) return undefined;
    if (key % 8 === 0) {
      if (value === 0) return undefined;
      fields.push({ tag, number: value, bytes: NOTHING });
    } else if (key % 8 === 2) {
      if (value > message.length - at) return undefined;
      fields.push({ tag, number: undefined, bytes: message.subarray(at, at + value) });
      at += value;
    } else return undefined;
  }
  return fields;
}

/** Writes a canonical message; the caller calls in ascending order of tags (a bug otherwise, and it throws). */
export class Writer {
  /** What comes, in order; a number stands for its varint. */
  readonly #parts: (number | Uint8Array)[] = [];
  #length = 0;
  #last = 0;

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  /** A varint field; 0 and undefined are not written. */
  number(tag: number, value: number | undefined): this {
    if (value === undefined || value === 0) return this;
    if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`not a varint: ${value}`);
    this.#key(tag, 0);
    this.#varint(value);
    return this;
  }

  /** A length-delimited field; undefined is not written, empty bytes are. */
  bytes(tag: number, value: Uint8Array | undefined): this {
    if (value === undefined) return this;
    this.#key(tag, 2);
    this.#varint(value.length);
    this.#parts.push(value);
    this.#length += value.length;
    return this;
  }

  /** A text field; undefined and '' are not written. */
  text(tag: number, value: string | undefined): this {
    return value === undefined || value === '' ? this : this.bytes(tag, new TextEncoder().encode(value));
  }

  /** A repeated length-delimited field. */
  each(tag: number, values: Iterable<Uint8Array>): this {
    for (const value of values) this.bytes(tag, value);
    return this;
  }

  finish(): Uint8Array {
    const whole = new Uint8Array(this.#length);
    let at = 0;
    for (const part of this.#parts) {
      if (typeof part === 'number') {
        at = putVarint(whole, at, part);
      } else {
        whole.set(part, at);
        at += part.length;
      }
    }
    return whole;
  }

  #key(tag: number, wireType: number): void {
    if (tag < this.#last) throw new RangeError(`field ${tag} after field ${this.#last}`);
    this.#last = tag;
    this.#varint(tag * 8 + wireType);
  }

  #varint(value: number): void {
    this.#parts.push(value);
    for (let rest = value; rest >= 0x80; rest /= 128) this.#length += 1;
    this.#length += 1;
  }
}

/** Answers where the next byte goes. */
function putVarint(into: Uint8Array, from: number, value: number): number {
  let at = from;
  let rest = value;
  while (rest >= 0x80) {
    into[at++] = (rest % 128) | 0x80;
    rest = Math.floor(rest / 128);
  }
  into[at++] = rest;
  return at;
}

const decoder = new TextDecoder('utf-8', { fatal: true });

/** The text of UTF-8 bytes; undefined when they are not UTF-8. */
export function readText(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

/** A message read field by field: the first of a tag for single fields, all of them for repeated ones. */
export class Message {
  readonly fields: readonly Field[];

  constructor(fields: readonly Field[]) {
    this.fields = fields;
  }

  /** Undefined when the bytes are not canonical. */
  static read(bytes: Uint8Array): Message | undefined {
    const fields = readFields(bytes);
    return fields === undefined ? undefined : new Message(fields);
  }

  /** A varint field; 0 when it is not there or of the other wire type. */
  number(tag: number): number {
    return this.#only(tag)?.number ?? 0;
  }

  /** A length-delimited field; undefined when it is absent, repeated, of the other wire type or of another length. */
  bytes(tag: number, length?: number): Uint8Array | undefined {
    const field = this.#only(tag);
    if (field === undefined || field.number !== undefined) return undefined;
    return length === undefined || field.bytes.length === length ? field.bytes : undefined;
  }

  /** A text field; '' when absent, undefined when it is not UTF-8 or longer than `max` bytes. */
  text(tag: number, max = 1024): string | undefined {
    const field = this.#only(tag);
    if (field === undefined) return this.each(tag).length === 0 ? '' : undefined;
    if (field.number !== undefined || field.bytes.length > max) return undefined;
    return readText(field.bytes);
  }

  /** A nested message; undefined when absent or not canonical. */
  message(tag: number): Message | undefined {
    const bytes = this.bytes(tag);
    return bytes === undefined ? undefined : Message.read(bytes);
  }

  /** The contents of a repeated length-delimited field. */
  each(tag: number): Uint8Array[] {
    return this.fields
      .filter((field) => field.tag === tag && field.number === undefined)
      .map((field) => field.bytes);
  }

  has(tag: number): boolean {
    return this.fields.some((field) => field.tag === tag);
  }

  #only(tag: number): Field | undefined {
    let only: Field | undefined;
    for (const field of this.fields) {
      if (field.tag !== tag) continue;
      if (only !== undefined) return undefined;
      only = field;
    }
    return only;
  }
}
