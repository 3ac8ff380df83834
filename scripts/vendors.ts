/** Makes the table of vendors (src/local/nodes/vendors.ts) from the registries of the IEEE as `oui-data` has them. */
import { VENDORS_MAGIC, VENDORS_PLACE, VENDORS_TABLES } from '../src/local/nodes/vendors.ts';

/** Not a vendor: the registry itself, whose prefixes are given away in parts, and those who do not want to be named. */
const NOBODY = /^(IEEE Registration Authority|Private)$/i;
const MAX_NAME_BYTES = 60;

/** `registry`: prefixes of 6, 7 or 9 hex digits, each with a name and, in the lines below, an address. */
export function packVendors(registry: Readonly<Record<string, string>>): Buffer {
  const places = new Map<string, number>();
  const names: Buffer[] = [];
  let end = 0;
  const placeOf = (name: string): number => {
    const known = places.get(name);
    if (known !== undefined) return known;
    const text = Buffer.from(name);
    const place = end;
    places.set(name, place);
    names.push(Buffer.from([text.length]), text);
    end += 1 + text.length;
    return place;
  };
  const entries = Object.entries(registry)
    .map(([prefix, text]) => ({ prefix, name: nameIn(text) }))
    .filter(({ prefix, name }) => /^[0-9a-f]+$/i.test(prefix) && name !== '' && !NOBODY.test(name));
  const tables = VENDORS_TABLES.map(({ bits, bytes }) =>
    entries
      .filter(({ prefix }) => prefix.length === bits / 4)
      .map(({ prefix, name }) => ({ prefix: Number.parseInt(prefix, 16), name }))
      .sort((x, y) => x.prefix - y.prefix)
      .map(({ prefix, name }) => {
        const entry = Buffer.alloc(bytes + VENDORS_PLACE);
        entry.writeUIntBE(prefix, 0, bytes);
        entry.writeUIntBE(placeOf(name), bytes, VENDORS_PLACE);
        return entry;
      }),
  );
  const counts = tables.map((table) => {
    const count = Buffer.alloc(4);
    count.writeUInt32BE(table.length);
    return count;
  });
  return Buffer.concat([Buffer.from(VENDORS_MAGIC), ...counts, ...tables.flat(), ...names]);
}

/** The first line, without what cannot be shown, cut between words. */
function nameIn(text: string): string {
  let name = (text.split('\n')[0] ?? '').replaceAll(/[\p{C}\p{Z}]+/gu, ' ').trim();
  while (Buffer.byteLength(name) > MAX_NAME_BYTES)
    name = name.includes(' ') ? name.slice(0, name.lastIndexOf(' ')) : name.slice(0, -1);
  return name;
}

/** For whoever gets the table (oui-data's licence). */
export const VENDORS_NOTICE = `vendors.bin is made from oui-data (https://github.com/silverwind/oui-data), which compiles the public
registries of the IEEE (https://standards.ieee.org/products-programs/regauth/).

Copyright (c) silverwind
All rights reserved.

Redistribution and use in source and binary forms, with or without modification, are permitted provided that the
following conditions are met:

1. Redistributions of source code must retain the above copyright notice, this list of conditions and the following
   disclaimer.

2. Redistributions in binary form must reproduce the above copyright notice, this list of conditions and the following
   disclaimer in the documentation and/or other materials provided with the distribution.

THIS SOFTWARE IS PROVIDED BY THE COPYRIGHT HOLDERS AND CONTRIBUTORS "AS IS" AND ANY EXPRESS OR IMPLIED WARRANTIES,
INCLUDING, BUT NOT LIMITED TO, THE IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS FOR A PARTICULAR PURPOSE ARE
DISCLAIMED. IN NO EVENT SHALL THE COPYRIGHT HOLDER OR CONTRIBUTORS BE LIABLE FOR ANY DIRECT, INDIRECT, INCIDENTAL,
SPECIAL, EXEMPLARY, OR CONSEQUENTIAL DAMAGES (INCLUDING, BUT NOT LIMITED TO, PROCUREMENT OF SUBSTITUTE GOODS OR
SERVICES; LOSS OF USE, DATA, OR PROFITS; OR BUSINESS INTERRUPTION) HOWEVER CAUSED AND ON ANY THEORY OF LIABILITY,
WHETHER IN CONTRACT, STRICT LIABILITY, OR TORT (INCLUDING NEGLIGENCE OR OTHERWISE) ARISING IN ANY WAY OUT OF THE USE OF
THIS SOFTWARE, EVEN IF ADVISED OF THE POSSIBILITY OF SUCH DAMAGE.
`;
