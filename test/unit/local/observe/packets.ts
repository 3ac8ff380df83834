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

export function tcp(sport: number, dport: number, payload: ArrayLike<number>): number[] {
  return [
    ...word(sport),
    ...word(dport),
    ...new Array(8).fill(0),
    0x50,
    0x18,
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
