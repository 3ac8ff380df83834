import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import type { Mac } from '../../policy/block-set.ts';

/**
 * The file: the magic, then how many prefixes of 24, 28 and 36 bits there are (32 bits each), then these in ascending order,
 * each with where its name begins (24 bits), then the names, each behind its length (8 bits). All big-endian. Made by
 * scripts/vendors.ts from the registries of the IEEE (MA-L, MA-M, MA-S).
 */
export const VENDORS_MAGIC = 'HGV1';
export const VENDORS_HEADER = 16;
/** Bits of a prefix and bytes that it takes in the file, in the order of the file. */
export const VENDORS_TABLES = [
  { bits: 24, bytes: 3 },
  { bits: 28, bytes: 4 },
  { bits: 36, bytes: 5 },
] as const;
/** Bytes of the place of a name. */
export const VENDORS_PLACE = 3;

const MAX_ANSWERS = 1_024;

/** Where the build puts the table: beside the program. Run from its sources the program has none. */
export const vendorsFile = join(import.meta.dirname, 'vendors.bin');

/** Locally administered: made up by the device, or by whoever runs it (IEEE 802, bit 1 of the first octet). */
export function isRandomised(mac: Mac): boolean {
  return (Number.parseInt(mac.slice(0, 2), 16) & 2) === 2;
}

/** Who made a device, by its MAC. Looked up in the file, of which nothing but some answers stays in memory. */
export class Vendors {
  readonly #path: string;
  readonly #answers = new Map<Mac, string | undefined>();

  constructor(path = vendorsFile) {
    this.#path = path;
  }

  /** Undefined for randomised MACs, for prefixes nobody has, and when there is no such file or it cannot be read. */
  vendorOf(mac: Mac): string | undefined {
    if (isRandomised(mac)) return undefined;
    if (this.#answers.has(mac)) return this.#answers.get(mac);
    const [oldest] = this.#answers.keys();
    if (this.#answers.size >= MAX_ANSWERS && oldest !== undefined) this.#answers.delete(oldest);
    const vendor = lookUp(this.#path, Number.parseInt(mac.replaceAll(':', ''), 16));
    this.#answers.set(mac, vendor);
    return vendor;
  }
}

function lookUp(path: string, mac: number): string | undefined {
  let file: number | undefined;
  try {
    file = openSync(path, 'r');
    return searched(file, mac);
  } catch {
    return undefined;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/** The longest prefix wins: the registry gives parts of some of its own 24-bit prefixes away. */
function searched(file: number, mac: number): string | undefined {
  const { size } = fstatSync(file);
  const header = read(file, 0, VENDORS_HEADER);
  if (header?.toString('latin1', 0, 4) !== VENDORS_MAGIC) return undefined;
  let from = VENDORS_HEADER;
  const tables = VENDORS_TABLES.map(({ bits, bytes }, i) => {
    const [at, count] = [from, header.readUInt32BE(4 + 4 * i)];
    from += count * (bytes + VENDORS_PLACE);
    return { bits, bytes, at, count };
  });
  for (const { bits, bytes, at, count } of tables.reverse()) {
    const prefix = Math.floor(mac / 2 ** (48 - bits));
    let [low, high] = [0, count];
    while (low < high) {
      const middle = (low + high) >> 1;
      const entry = read(file, at + middle * (bytes + VENDORS_PLACE), bytes + VENDORS_PLACE);
      if (entry === undefined) return undefined;
      const found = entry.readUIntBE(0, bytes);
      if (found === prefix) return nameAt(file, from + entry.readUIntBE(bytes, VENDORS_PLACE), size);
      if (found < prefix) low = middle + 1;
      else high = middle;
    }
  }
  return undefined;
}

function nameAt(file: number, at: number, size: number): string | undefined {
  const length = read(file, at, 1)?.[0] ?? 0;
  if (length === 0 || at + 1 + length > size) return undefined;
  return read(file, at + 1, length)?.toString('utf8');
}

function read(file: number, at: number, length: number): Buffer | undefined {
  const bytes = Buffer.alloc(length);
  return readSync(file, bytes, 0, length, at) === length ? bytes : undefined;
}
