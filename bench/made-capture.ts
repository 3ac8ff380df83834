/** A capture of a made-up home, as large as one likes: devices, their router, remotes with names, and nothing real. */
import { open } from 'node:fs/promises';

export interface MadeCapture {
  readonly packets: number;
  readonly devices: number;
  /** Remotes that each device speaks with; every one has a name, which is asked for first. */
  readonly partners: number;
}

const ROUTER = [0x02, 0, 0, 0, 0, 1];
/** Of a frame so much is kept, like `tcpdump -s 96`; the rest of its length is only told. */
const SNAPSHOT = 96;
const WRITE_AT = 8 * 1024 * 1024;

/** Writes it as pcap. Answers how many bytes of IP went up and down. */
export async function writeCapture(path: string, made: MadeCapture): Promise<{ up: number; down: number }> {
  const file = await open(path, 'w');
  const sum = { up: 0, down: 0 };
  const chunk = Buffer.alloc(WRITE_AT + 1_024);
  let at = chunk.write('d4c3b2a1020004000000000000000000ffff000001000000', 'hex');
  try {
    for (let n = 0; n < made.packets; n++) {
      const { frame, length, up } = packet(n, made);
      // 5,000 packets a second.
      const us = n * 200;
      at = chunk.writeUInt32LE(1_700_000_000 + Math.floor(us / 1e6), at);
      at = chunk.writeUInt32LE(us % 1e6, at);
      at = chunk.writeUInt32LE(frame.length, at);
      at = chunk.writeUInt32LE(length, at);
      at += frame.copy(chunk, at);
      if (up !== undefined) sum[up ? 'up' : 'down'] += length - 14;
      if (at >= WRITE_AT) {
        await file.write(chunk, 0, at);
        at = 0;
      }
    }
    await file.write(chunk, 0, at);
  } finally {
    await file.close();
  }
  return sum;
}

/** The nth: first each device gets an answer for each of its partners, then they talk. */
function packet(n: number, { devices, partners }: MadeCapture) {
  const names = devices * partners;
  if (n < names) {
    const frame = answer(n % devices, Math.floor(n / devices), partners);
    return { frame, length: frame.length, up: undefined };
  }
  // Bursts of ten, as connections are.
  const burst = Math.floor(n / 10);
  const device = burst % devices;
  const partner = Math.floor(burst / devices) % partners;
  const up = n % 3 === 0;
  const length = 14 + (up ? 80 : 1_400);
  const frame = tcp(device, partner, { up, length, first: n < names * 11, partners });
  return { frame, length, up };
}

function addressOf(device: number, partner: number, partners: number): number[] {
  const number = device * partners + partner;
  return [93, 1 + (number >> 16), (number >> 8) & 255, number & 255];
}

function tcp(
  device: number,
  partner: number,
  { up, length, first, partners }: { up: boolean; length: number; first: boolean; partners: number },
): Buffer {
  const frame = Buffer.alloc(Math.min(length, SNAPSHOT));
  const [near, far] = [nearOf(device), addressOf(device, partner, partners)];
  head(frame, { up, device, protocol: 6, length: length - 14 });
  frame.set(up ? [...near, ...far] : [...far, ...near], 26);
  frame.writeUInt16BE(up ? 40_000 + partner : 443, 34);
  frame.writeUInt16BE(up ? 443 : 40_000 + partner, 36);
  frame[46] = 0x50;
  frame[47] = first && up ? 0x02 : 0x10;
  return frame;
}

function answer(device: number, partner: number, partners: number): Buffer {
  const label = `host${device}-${partner}`;
  const question = [label.length, ...Buffer.from(label), 7, ...Buffer.from('example'), 0, 0, 1, 0, 1];
  const record = [0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, ...addressOf(device, partner, partners)];
  const dns = [0, 7, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0, ...question, ...record];
  const frame = Buffer.alloc(14 + 20 + 8 + dns.length);
  head(frame, { up: false, device, protocol: 17, length: 28 + dns.length });
  frame.set([192, 168, 0, 1, ...nearOf(device)], 26);
  frame.writeUInt16BE(53, 34);
  frame.writeUInt16BE(50_000, 36);
  frame.writeUInt16BE(8 + dns.length, 38);
  frame.set(dns, 42);
  return frame;
}

function nearOf(device: number): number[] {
  return [192, 168, 0, 2 + device];
}

function head(
  frame: Buffer,
  { up, device, protocol, length }: { up: boolean; device: number; protocol: number; length: number },
): void {
  const mac = [0x02, 0, 0, 0, 1, device];
  frame.set(up ? [...ROUTER, ...mac] : [...mac, ...ROUTER], 0);
  frame.writeUInt16BE(0x0800, 12);
  frame[14] = 0x45;
  frame.writeUInt16BE(length, 16);
  frame[23] = protocol;
}
