import dnsPacket, { type Answer, type Packet } from 'dns-packet';

/** Bytes that the tests of frames and messages are made of. */

export const TV = '02:00:00:00:01:01';
export const ROUTER = '02:00:00:00:00:01';

function macBytes(mac: string): number[] {
  return mac.split(':').map((part) => Number.parseInt(part, 16));
}

function ipBytes(address: string): number[] {
  return address.split('.').map(Number);
}

function word(value: number): number[] {
  return [value >> 8, value & 255];
}

export function ethernet(type: number, payload: ArrayLike<number>, from = TV, to = ROUTER): Uint8Array {
  return Uint8Array.from([...macBytes(to), ...macBytes(from), ...word(type), ...Array.from(payload)]);
}

export function arp(sender: string, address: string): number[] {
  return [
    ...[0, 1, 8, 0, 6, 4, 0, 1],
    ...macBytes(sender),
    ...ipBytes(address),
    0,
    0,
    0,
    0,
    0,
    0,
    192,
    168,
    77,
    1,
  ];
}

export function udp(sport: number, dport: number, payload: ArrayLike<number>): number[] {
  return [...word(sport), ...word(dport), ...word(8 + payload.length), 0, 0, ...Array.from(payload)];
}

/** `flags`: 0x18 is PSH and ACK. */
export function tcp(
  sport: number,
  dport: number,
  payload: ArrayLike<number>,
  { seq = 0, flags = 0x18 } = {},
): number[] {
  return [
    ...word(sport),
    ...word(dport),
    ...word(seq >>> 16),
    ...word(seq & 0xffff),
    ...new Array(4).fill(0),
    0x50,
    flags,
    ...new Array(6).fill(0),
    ...Array.from(payload),
  ];
}

export function ipv4(protocol: number, src: string, dst: string, payload: readonly number[]): number[] {
  const head = [0x45, 0, ...word(20 + payload.length), 0, 0, 0, 0, 64, protocol, 0, 0];
  return [...head, ...ipBytes(src), ...ipBytes(dst), ...payload];
}

/** `src` and `dst` as 32 hex digits. */
export function ipv6(next: number, src: string, dst: string, payload: readonly number[]): number[] {
  const [from, to] = [src, dst].map((hex) => [...Buffer.from(hex, 'hex')]);
  return [0x60, 0, 0, 0, ...word(payload.length), next, 64, ...(from ?? []), ...(to ?? []), ...payload];
}

export function answer(domain: string, answers: Answer[], more: Partial<Packet> = {}): Uint8Array {
  return dnsPacket.encode({
    type: 'response',
    id: 7,
    questions: [{ type: 'A', name: domain }],
    answers,
    ...more,
  });
}

export function dhcp(
  op: 1 | 2,
  mac: string,
  yiaddr: string,
  options: number[],
  giaddr = '0.0.0.0',
): number[] {
  const head = [
    op,
    1,
    6,
    0,
    0,
    0,
    0,
    1,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    ...ipBytes(yiaddr),
    0,
    0,
    0,
    0,
    ...ipBytes(giaddr),
  ];
  return [...head, ...macBytes(mac), ...new Array(202).fill(0), 0x63, 0x82, 0x53, 0x63, ...options, 255];
}

/** A pcap file of these frames. */
export function pcap(frames: readonly Uint8Array[], { little = true, nano = false } = {}): Buffer {
  const u32 = (value: number) => {
    const bytes = Buffer.alloc(4);
    if (little) bytes.writeUInt32LE(value);
    else bytes.writeUInt32BE(value);
    return bytes;
  };
  const version = little ? [2, 0, 4, 0] : [0, 2, 0, 4];
  const parts = [
    u32(nano ? 0xa1b23c4d : 0xa1b2c3d4),
    Buffer.from(version),
    u32(0),
    u32(0),
    u32(65_535),
    u32(1),
  ];
  for (const [i, frame] of frames.entries()) {
    parts.push(
      u32(1_000 + i),
      u32(nano ? 500_000_000 : 500_000),
      u32(frame.length),
      u32(frame.length),
      Buffer.from(frame),
    );
  }
  return Buffer.concat(parts);
}

/** A block of a pcapng file; the body is padded. */
export function block(type: number, body: Uint8Array, little = true): Buffer {
  const length = 12 + ((body.length + 3) & ~3);
  const bytes = Buffer.alloc(length);
  const u32 = (value: number, at: number) =>
    little ? bytes.writeUInt32LE(value, at) : bytes.writeUInt32BE(value, at);
  u32(type, 0);
  u32(length, 4);
  bytes.set(body, 8);
  u32(length, length - 4);
  return bytes;
}

/** Numbers of so many bytes each, in this byte order. */
export function numbers(
  little: boolean,
  ...sized: readonly (readonly [size: number, value: number])[]
): Buffer {
  return Buffer.concat(
    sized.map(([size, value]) => {
      const bytes = Buffer.alloc(size);
      bytes.writeUIntBE(value, 0, size);
      return little ? bytes.reverse() : bytes;
    }),
  );
}

export function section(little = true): Buffer {
  const head = numbers(little, [4, 0x1a2b3c4d], [2, 1], [2, 0]);
  return block(0x0a0d0d0a, Buffer.concat([head, Buffer.alloc(8, 0xff)]), little);
}

/** `options`: raw bytes, in the same byte order. */
export function interfaceBlock(
  linkType: number,
  options = Buffer.alloc(0),
  little = true,
  snapshot = 0,
): Buffer {
  return block(1, Buffer.concat([numbers(little, [2, linkType], [2, 0], [4, snapshot]), options]), little);
}

export function enhancedPacket(
  index: number,
  units: readonly [high: number, low: number],
  frame: Uint8Array,
  { little = true, length = frame.length } = {},
): Buffer {
  const [high, low] = units;
  const head = numbers(little, [4, index], [4, high], [4, low], [4, frame.length], [4, length]);
  return block(6, Buffer.concat([head, frame]), little);
}
