import { Message, Writer } from '../../policy/codec.ts';
import { fromHex, type PeerKey, toHex, utf8 } from '../../policy/crypto.ts';
import { decodeGenesis, encodeGenesis, type Genesis } from '../../policy/genesis.ts';
import type { HomeId } from '../../policy/identity.ts';
import { concat, MAX_OP_BYTES } from '../../policy/op.ts';
import { parseAddress } from '../addresses.ts';
import { accept, type Decoded, hex, refuse } from '../wire.ts';

/** What a guest asks for: to be admitted under its own key. */
export interface JoinRequest {
  readonly version: number;
  readonly home: HomeId;
  /** The router's own key. */
  readonly peer: PeerKey;
  /** Its signature over {@link joinProof}. */
  readonly proof: Uint8Array;
}

/** What it is told: what the home is, whom to trust until it knows it, and where they are; or that it is not admitted. */
export type JoinAnswer =
  | {
      readonly kind: 'admitted';
      readonly genesis: Genesis;
      readonly sponsors: readonly PeerKey[];
      readonly bootstrap: readonly string[];
    }
  /** `elsewhere`: another admin may well admit it. */
  | { readonly kind: 'refused'; readonly why: string; readonly elsewhere: boolean };

export const MAX_REQUEST_BYTES = 1_024;
export const MAX_ANSWER_BYTES = 32 * 1024;
const MAX_SPONSORS = 100;
const MAX_BOOTSTRAP = 50;
const MAX_ADDRESS = 200;
const MAX_WHY = 300;

/**
 * The bytes that a router signs with its own key: nobody can have another router admitted in its place, nor with what it said to one
 * admin come to another.
 */
export function joinProof(home: HomeId, guest: PeerKey, admin: PeerKey): Uint8Array {
  const none = new Uint8Array(0);
  return concat(utf8('hedgerow-join/1\0'), ...[home, guest, admin].map((each) => fromHex(each) ?? none));
}

export function encodeJoinRequest({ version, home, peer, proof }: JoinRequest): Uint8Array {
  return new Writer()
    .number(1, version)
    .bytes(2, fromHex(home))
    .bytes(3, fromHex(peer))
    .bytes(4, proof)
    .finish();
}

/** Reads a request. Never throws. */
export function decodeJoinRequest(bytes: Uint8Array): Decoded<JoinRequest> {
  const from = bytes.length > MAX_REQUEST_BYTES ? undefined : Message.read(bytes);
  const home = hex(from?.bytes(2, 32));
  const peer = hex(from?.bytes(3, 32));
  const proof = from?.bytes(4, 64);
  if (from === undefined || home === undefined || peer === undefined || proof === undefined)
    return refuse('malformed');
  if (from.number(1) < 1) return refuse('speaks no version that we know');
  return accept({ version: from.number(1), home, peer, proof: Uint8Array.from(proof) });
}

export function encodeJoinAnswer(answer: JoinAnswer): Uint8Array {
  if (answer.kind === 'refused') {
    const why = answer.why.slice(0, MAX_WHY) || 'no';
    return new Writer()
      .text(3, why)
      .number(5, answer.elsewhere ? 1 : 0)
      .finish();
  }
  const sponsors = answer.sponsors.slice(0, MAX_SPONSORS).flatMap((each) => fromHex(each) ?? []);
  const bootstrap = answer.bootstrap.filter((text) => text.length <= MAX_ADDRESS).slice(0, MAX_BOOTSTRAP);
  const genesis = encodeGenesis(answer.genesis);
  return new Writer().each(1, sponsors).each(2, bootstrap.map(utf8)).bytes(4, genesis).finish();
}

/** Reads an answer; what a refusal says is made fit to be shown. Never throws. */
export function decodeJoinAnswer(bytes: Uint8Array): Decoded<JoinAnswer> {
  const from = bytes.length > MAX_ANSWER_BYTES ? undefined : Message.read(bytes);
  if (from === undefined) return refuse('malformed');
  if (from.has(3)) {
    const why = from.text(3, MAX_WHY * 4);
    return why === undefined
      ? refuse('malformed')
      : accept({ kind: 'refused', why: why.replaceAll(/\p{C}/gu, '?'), elsewhere: from.number(5) === 1 });
  }
  const sponsors = from.each(1);
  const bootstrap = from.each(2).map((each) => Buffer.from(each).toString('utf8'));
  const odd = bootstrap.some((text) => text.length > MAX_ADDRESS || parseAddress(text) === undefined);
  if (sponsors.length === 0 || sponsors.some((each) => each.length !== 32))
    return refuse('names nobody to trust');
  if (odd || sponsors.length > MAX_SPONSORS || bootstrap.length > MAX_BOOTSTRAP) return refuse('malformed');
  const genesis = decodeGenesis(from.bytes(4) ?? new Uint8Array(0));
  if (genesis === undefined) return refuse('does not say what the home is');
  return accept({ kind: 'admitted', genesis, sponsors: sponsors.map(toHex), bootstrap });
}

/** What a router that was evicted is told when it comes back: the op that did it, which proves itself. */
export function encodeFarewell(op: Uint8Array): Uint8Array {
  return new Writer().bytes(1, op).finish();
}

export const MAX_FAREWELL_BYTES = MAX_OP_BYTES + 64;

/** Reads a farewell; the op in it is not looked at. Never throws. */
export function decodeFarewell(bytes: Uint8Array): Decoded<Uint8Array> {
  const op = bytes.length > MAX_FAREWELL_BYTES ? undefined : Message.read(bytes)?.bytes(1);
  return op === undefined ? refuse('malformed') : accept(op);
}
