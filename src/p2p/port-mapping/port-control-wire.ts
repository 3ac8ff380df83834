import { canonicalAddress } from '../../policy/address.ts';
import type { Address } from '../../policy/block-set.ts';
import { accept, type Decoded, refuse } from '../wire.ts';

/** The bytes of NAT-PMP (RFC 6886) and of the MAP opcode of PCP (RFC 6887), for TCP over IPv4. */

export interface PortWish {
  readonly internalPort: number;
  /** 0 leaves the choice to the gateway. */
  readonly externalPort: number;
  /** 0 ends the mapping. */
  readonly seconds: number;
}

/** A gateway's answer; its refusals are answers too. */
export type PortAnswer =
  | {
      readonly granted: true;
      readonly externalPort: number;
      readonly seconds: number;
      readonly externalAddress?: Address;
    }
  | { readonly granted: false; readonly code: number };

const NAT_PMP = 0;
const PCP = 2;
const TCP = 6;
const MAP_TCP = 2;
const PCP_MAP = 1;
const ANSWER = 0x80;
export const NONCE_BYTES = 12;
const PCP_BYTES = 60;

/** NAT-PMP: what is your external address? */
export const addressQuestion = (): Uint8Array => Uint8Array.of(NAT_PMP, 0);

/** NAT-PMP: map a TCP port. */
export function natPmpQuestion({ internalPort, externalPort, seconds }: PortWish): Uint8Array {
  const bytes = Buffer.alloc(12);
  bytes[0] = NAT_PMP;
  bytes[1] = MAP_TCP;
  bytes.writeUInt16BE(internalPort, 4);
  bytes.writeUInt16BE(externalPort, 6);
  bytes.writeUInt32BE(seconds, 8);
  return bytes;
}

/** The external address in an answer to {@link addressQuestion}, or the code of a refusal. */
export function readAddressAnswer(raw: Uint8Array): Decoded<{ address: Address } | { code: number }> {
  const bytes = view(raw);
  if (bytes.length < 4 || bytes[0] !== NAT_PMP || bytes[1] !== ANSWER) return refuse('not this answer');
  const code = bytes.readUInt16BE(2);
  if (code !== 0) return accept({ code });
  const address = bytes.length < 12 ? undefined : canonicalAddress(bytes.subarray(8, 12).join('.'));
  return address === undefined ? refuse('cut off') : accept({ address });
}

/** The answer to {@link natPmpQuestion} about this port. */
export function readNatPmpAnswer(raw: Uint8Array, internalPort: number): Decoded<PortAnswer> {
  const bytes = view(raw);
  if (bytes.length < 4 || bytes[0] !== NAT_PMP || bytes[1] !== ANSWER + MAP_TCP)
    return refuse('not this answer');
  const code = bytes.readUInt16BE(2);
  if (code !== 0) return accept({ granted: false, code });
  if (bytes.length < 16 || bytes.readUInt16BE(8) !== internalPort) return refuse('about another port');
  return accept({ granted: true, externalPort: bytes.readUInt16BE(10), seconds: bytes.readUInt32BE(12) });
}

/** PCP: map a TCP port; the nonce tells our mappings from others' and our answers from forged ones. */
export function pcpQuestion(wish: PortWish, localAddress: Address, nonce: Uint8Array): Uint8Array {
  const bytes = Buffer.alloc(PCP_BYTES);
  bytes[0] = PCP;
  bytes[1] = PCP_MAP;
  bytes.writeUInt32BE(wish.seconds, 4);
  writeMapped(bytes, localAddress, 8);
  bytes.set(nonce.subarray(0, NONCE_BYTES), 24);
  bytes[36] = TCP;
  bytes.writeUInt16BE(wish.internalPort, 40);
  bytes.writeUInt16BE(wish.externalPort, 42);
  writeMapped(bytes, '0.0.0.0', 44);
  return bytes;
}

/** The answer to {@link pcpQuestion} with this nonce. A gateway without PCP says so in the form of NAT-PMP (RFC 6887, appendix A). */
export function readPcpAnswer(raw: Uint8Array, nonce: Uint8Array): Decoded<PortAnswer> {
  const bytes = view(raw);
  if (bytes.length >= 4 && bytes[0] === NAT_PMP) return accept({ granted: false, code: UNSUPPORTED });
  if (bytes.length < PCP_BYTES || bytes[0] !== PCP || bytes[1] !== ANSWER + PCP_MAP)
    return refuse('not this answer');
  if (!bytes.subarray(24, 36).equals(nonce)) return refuse('not our nonce');
  const code = bytes[3] ?? 0;
  if (code !== 0) return accept({ granted: false, code });
  const mapped = bytes.subarray(44, 54).every((byte) => byte === 0) && bytes.readUInt16BE(54) === 0xffff;
  const externalAddress = mapped ? canonicalAddress(bytes.subarray(56, 60).join('.')) : undefined;
  if (externalAddress === undefined) return refuse('not an IPv4 address');
  return accept({
    granted: true,
    externalPort: bytes.readUInt16BE(42),
    seconds: bytes.readUInt32BE(4),
    externalAddress,
  });
}

/** The code of both protocols for a version that the gateway does not speak. */
export const UNSUPPORTED = 1;

/** RFC 6886, section 3.5; RFC 6887, section 7.4. */
const REFUSALS: Readonly<Record<number, string>> = {
  1: 'it does not speak this protocol',
  2: 'it does not allow it',
  3: 'it has no address of its own outside',
  4: 'it has no ports left',
  8: 'it has no ports left',
};

/** What a code of a refusal means, in words. */
export const refusalText = (code: number): string => REFUSALS[code] ?? `it refuses with code ${code}`;

function writeMapped(bytes: Buffer, address: Address, at: number): void {
  bytes.writeUInt16BE(0xffff, at + 10);
  bytes.set(address.split('.').map(Number), at + 12);
}

const view = (raw: Uint8Array): Buffer => Buffer.from(raw.buffer, raw.byteOffset, raw.length);
