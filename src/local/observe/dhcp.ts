import type { Address, Mac } from '../../policy/block-set.ts';
import { ipv4At, macAt, u16, u32 } from './bytes.ts';
import { cleanHostName } from './facts.ts';

/** What a DHCP message tells (RFC 2131, 2132). */
export type DhcpMessage =
  | { readonly kind: 'name'; readonly mac: Mac; readonly name: string }
  | { readonly kind: 'ack'; readonly mac: Mac; readonly address: Address };

const MAGIC = 0x63825363;
const OPTIONS = 240;
const MAX_OPTIONS = 128;
const [PAD, END, HOST_NAME, MESSAGE_TYPE] = [0, 255, 12, 53];
const ACK = 5;

/** A client's host name, or the address that a server has just confirmed to a client of this segment; else undefined. */
export function parseDhcp(bytes: Uint8Array): DhcpMessage | undefined {
  // Ethernet, six bytes of hardware address.
  if (bytes.length < OPTIONS || u16(bytes, 1) !== 0x0106 || u32(bytes, 236) !== MAGIC) return undefined;
  const mac = macAt(bytes, 28);
  if (mac === undefined) return undefined;
  const { type, name } = readOptions(bytes);
  if (bytes[0] === 1) return name === undefined ? undefined : { kind: 'name', mac, name };
  const address = ipv4At(bytes, 16);
  // With a relay's address in it, the client is on another segment.
  if (bytes[0] !== 2 || type !== ACK || address === '0.0.0.0' || u32(bytes, 24) !== 0) return undefined;
  return { kind: 'ack', mac, address };
}

function readOptions(bytes: Uint8Array): { type: number | undefined; name: string | undefined } {
  let type: number | undefined;
  let name: string | undefined;
  let at = OPTIONS;
  for (let i = 0; i < MAX_OPTIONS && at < bytes.length; i++) {
    const code = bytes[at];
    if (code === END) break;
    if (code === PAD) {
      at += 1;
      continue;
    }
    const length = bytes[at + 1] ?? 0;
    const data = bytes.subarray(at + 2, at + 2 + length);
    if (data.length < length) break;
    if (code === MESSAGE_TYPE) type = data[0];
    if (code === HOST_NAME) name = cleanHostName(Buffer.from(data).toString('utf8'));
    at += 2 + length;
  }
  return { type, name };
}
