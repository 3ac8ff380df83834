import { fixtureLines } from './fixture.ts';

/** Datagrams that SPIN's reader sent, header and all. */
export const CAPTURED: readonly Buffer[] = fixtureLines('spin/extsrc_datagrams.hex').map((line) =>
  Buffer.from(line.split(' ')[2] ?? '', 'hex'),
);

/** A message of our own making; `little` is the sender's byte order. */
export function message(type: number, payload: Uint8Array, little = true, length = payload.length): Buffer {
  const header = Buffer.alloc(8);
  if (little) {
    header.writeUInt32LE(type, 0);
    header.writeUInt32LE(length, 4);
  } else {
    header.writeUInt32BE(type, 0);
    header.writeUInt32BE(length, 4);
  }
  return Buffer.concat([header, payload]);
}

/** A packet report between two IPv4 addresses, given as four bytes each. */
export function packetReport(
  from: readonly number[],
  to: readonly number[],
  what: { sport?: number; dport?: number; packets?: bigint; bytes?: bigint; little?: boolean } = {},
): Buffer {
  const { sport = 40_000, dport = 443, packets = 2n, bytes = 128n, little = true } = what;
  const body = Buffer.alloc(64);
  body.set([4, 6], 0);
  body.set(from, 14);
  body.set(to, 30);
  if (little) {
    body.writeUInt16LE(sport, 34);
    body.writeUInt16LE(dport, 36);
    body.writeBigUInt64LE(bytes, 40);
    body.writeBigUInt64LE(packets, 48);
  } else {
    body.writeUInt16BE(sport, 34);
    body.writeUInt16BE(dport, 36);
    body.writeBigUInt64BE(bytes, 40);
    body.writeBigUInt64BE(packets, 48);
  }
  return message(1, body, little);
}

/** A neighbour: the MAC as it is written, and its address as sixteen bytes or the last of them. */
export function neighbourReport(mac: string, address: readonly number[], family = 2): Buffer {
  const body = Buffer.alloc(36);
  body.write(mac.slice(0, 18), 0, 'latin1');
  body[18] = family;
  body.set(address, 36 - address.length);
  return message(4, body);
}
