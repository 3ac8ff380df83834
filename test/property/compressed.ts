/** A record whose data is a name, a text or an address. */
export interface Compressible {
  readonly type: 'A' | 'AAAA' | 'CNAME' | 'NS' | 'PTR' | 'MX' | 'TXT';
  readonly name: string;
  readonly ttl: number;
  readonly data: string;
}

const TYPES = { A: 1, NS: 2, CNAME: 5, PTR: 12, MX: 15, TXT: 16, AAAA: 28 };

/** An answer whose names are compressed wherever they can be (RFC 1035, 4.1.4), which dns-packet does not do. */
export function compressed(question: string, records: readonly Compressible[]): Buffer {
  const out: number[] = [0, 7, 0x81, 0x80, 0, 1, ...word(records.length), 0, 0, 0, 0];
  const known = new Map<string, number>();
  const putName = (name: string) => {
    for (let rest = name; rest !== ''; rest = rest.includes('.') ? rest.slice(rest.indexOf('.') + 1) : '') {
      const at = known.get(rest);
      if (at !== undefined) {
        out.push(0xc0 | (at >> 8), at & 255);
        return;
      }
      if (out.length < 0x4000) known.set(rest, out.length);
      const [label = ''] = rest.split('.', 1);
      out.push(label.length, ...Buffer.from(label));
    }
    out.push(0);
  };
  putName(question);
  out.push(0, 1, 0, 1);
  for (const { type, name, ttl, data } of records) {
    putName(name);
    out.push(0, TYPES[type], 0, 1, ...word(ttl >>> 16), ...word(ttl & 0xffff), 0, 0);
    const from = out.length;
    if (type === 'A') out.push(...data.split('.').map(Number));
    else if (type === 'AAAA') out.push(...ipv6Bytes(data));
    else if (type === 'TXT') out.push(data.length, ...Buffer.from(data));
    else {
      if (type === 'MX') out.push(0, 10);
      putName(data);
    }
    out.splice(from - 2, 2, ...word(out.length - from));
  }
  return Buffer.from(out);
}

function word(value: number): [number, number] {
  return [value >> 8, value & 255];
}

/** Of a canonical text; one that is IPv4-mapped was made IPv4. */
function ipv6Bytes(text: string): number[] {
  if (!text.includes(':'))
    return [...new Array<number>(10).fill(0), 0xff, 0xff, ...text.split('.').map(Number)];
  const [head = '', tail] = text.split('::');
  const words = (part: string | undefined) =>
    part ? part.split(':').map((one) => Number.parseInt(one, 16)) : [];
  const [before, after] = [words(head), words(tail)];
  const zeros = new Array<number>(8 - before.length - after.length).fill(0);
  return [...before, ...zeros, ...after].flatMap(word);
}
