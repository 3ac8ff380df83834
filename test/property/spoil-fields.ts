import { type Field, Message, Writer } from '../../src/policy/codec.ts';
import type { Spoiler } from './spoil.ts';

const NUMBERS = [0, 1, 2, 3, 127, 128, 2 ** 31, 2 ** 32, Number.MAX_SAFE_INTEGER];
const MAX_DEPTH = 4;

/**
 * A message in canonical form with fields changed, left out, doubled, exchanged or put under another tag, down into its parts: what
 * bytes changed by chance hardly ever are, and what a decoder has to think about. Of what is no message the bytes are spoilt.
 */
export function spoilFields(spoiler: Spoiler, samples: readonly Uint8Array[], depth = 0): Uint8Array {
  const sample = spoiler.pick(samples);
  const message = Message.read(sample);
  if (message === undefined || message.fields.length === 0 || depth > MAX_DEPTH)
    return spoiler.bytes([sample]);
  const fields: Field[] = [...message.fields];
  for (let edits = 1 + spoiler.number(3); edits > 0 && fields.length > 0; edits--) {
    const at = spoiler.number(fields.length);
    const field = fields[at] as Field;
    const how = spoiler.number(6);
    if (how === 0) fields.splice(at, 1);
    else if (how === 1) fields.splice(at, 0, ...Array(1 + spoiler.number(80)).fill(field));
    else if (how === 2) fields[at] = { ...field, tag: 1 + spoiler.number(16) };
    else fields[at] = spoilt(spoiler, field, depth);
  }
  const out = new Writer();
  for (const { tag, number, bytes } of fields.toSorted((x, y) => x.tag - y.tag)) {
    if (number === undefined) out.bytes(tag, bytes);
    else out.number(tag, number);
  }
  return out.finish();
}

function spoilt(spoiler: Spoiler, field: Field, depth: number): Field {
  if (field.number !== undefined) return { ...field, number: spoiler.pick(NUMBERS) };
  if (spoiler.number(4) === 0)
    return { ...field, bytes: new Uint8Array(spoiler.pick([0, 1, 16, 31, 32, 33, 300])) };
  return { ...field, bytes: spoilFields(spoiler, [field.bytes], depth + 1) };
}
