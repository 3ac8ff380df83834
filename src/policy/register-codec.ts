import ipaddr from 'ipaddr.js';
import { canonicalAddress, canonicalDomain, canonicalMac, canonicalPrefix } from './address.ts';
import type { Address, Mac, NodeId, Prefix } from './block-set.ts';
import { Message, Writer } from './codec.ts';
import { type Crypto, fromHex, type PeerKey, toHex, utf8 } from './crypto.ts';
import type { Binding, Descriptor } from './descriptor.ts';
import type { HomeId } from './identity.ts';
import { concat, seal, unseal } from './op.ts';

/** What a router says of itself. */
export interface RouterCard {
  /** Its name in the home: a–z, 0–9, `-`, at most 32. */
  readonly name: string;
  /** The prefixes of its LANs. */
  readonly prefixes: readonly Prefix[];
  /** Where it listens for peers, as multiaddrs. */
  readonly listens: readonly string[];
  /** Its own MACs, which are never devices. */
  readonly macs: readonly Mac[];
}

/** One peer's signed description of one node, or of itself. */
export interface Register {
  readonly peer: PeerKey;
  /** Which life of the peer's memory wrote it; greater after a loss. */
  readonly gen: number;
  /** Counts all of the peer's registers. */
  readonly rev: number;
  /** The node described; undefined for the peer's own card. */
  readonly node: NodeId | undefined;
  /** Undefined when the description was taken back. */
  readonly descriptor: Descriptor | undefined;
  readonly card: RouterCard | undefined;
  readonly envelope: Uint8Array;
}

/** A register's envelope is never larger, in bytes. */
export const MAX_REGISTER_BYTES = 32_768;

const SIGNED = utf8('hedgerow-register/1\0');
/** Longest lists that are written and read; together they stay below {@link MAX_REGISTER_BYTES}. */
const MAX_BINDINGS = 256;
const MAX_LIST = 48;

export function encodeRegister(
  home: HomeId,
  peer: PeerKey,
  stamp: { gen: number; rev: number },
  node: NodeId | undefined,
  about: Descriptor | RouterCard | undefined,
  sign: (message: Uint8Array) => Uint8Array,
): Uint8Array {
  const descriptor = about !== undefined && 'node' in about ? encodeDescriptor(about) : undefined;
  const card = about !== undefined && 'prefixes' in about ? encodeCard(about) : undefined;
  const body = new Writer()
    .number(1, 1)
    .bytes(2, fromHex(home))
    .bytes(3, fromHex(peer))
    .number(4, stamp.gen)
    .number(5, stamp.rev)
    .bytes(6, node === undefined ? undefined : fromHex(node))
    .bytes(7, descriptor)
    .bytes(8, card)
    .finish();
  return seal(body, sign(concat(SIGNED, body)));
}

/** What is read of an envelope, and whether its peer signed that: costs far more than the reading. */
export interface ReadRegister {
  readonly register: Register;
  readonly isSigned: (crypto: Crypto) => boolean;
}

/** Undefined for anything that is not a signed register of this home. Never throws. Unknown fields are let be. */
export function decodeRegister(envelope: Uint8Array, home: HomeId, crypto: Crypto): Register | undefined {
  const read = readRegister(envelope, home);
  return read?.isSigned(crypto) === true ? read.register : undefined;
}

/** Everything about {@link decodeRegister} but the signature. */
export function readRegister(envelope: Uint8Array, home: HomeId): ReadRegister | undefined {
  if (envelope.length > MAX_REGISTER_BYTES) return undefined;
  const outer = unseal(envelope);
  const from = outer === undefined ? undefined : Message.read(outer.body);
  const raw = from?.bytes(3, 32);
  if (outer === undefined || from === undefined || raw === undefined || from.number(1) !== 1)
    return undefined;
  const of = from.bytes(2);
  if (of === undefined || toHex(of) !== home || from.number(4) < 1 || from.number(5) < 1) return undefined;
  const node = from.bytes(6, 16);
  if (from.has(6) && node === undefined) return undefined;
  const id = node === undefined ? undefined : toHex(node);
  const descriptor = from.has(7) && id !== undefined ? decodeDescriptor(id, from.message(7)) : undefined;
  const card = from.has(8) && id === undefined ? decodeCard(from.message(8)) : undefined;
  if ((from.has(7) && descriptor === undefined) || (from.has(8) && card === undefined)) return undefined;
  const peer = toHex(raw);
  return {
    register: { peer, gen: from.number(4), rev: from.number(5), node: id, descriptor, card, envelope },
    isSigned: (crypto) => crypto.verify(peer, concat(SIGNED, outer.body), outer.sig),
  };
}

/** The bytes of a descriptor, without its node. */
export function encodeDescriptor(descriptor: Descriptor): Uint8Array {
  const bindings = descriptor.addresses.map((binding) =>
    new Writer().bytes(1, addressBytes(binding.address)).text(2, binding.segment).finish(),
  );
  return new Writer()
    .number(1, descriptor.device ? 1 : 0)
    .each(2, descriptor.macs.slice(0, MAX_LIST).map(macBytes))
    .each(3, bindings.slice(0, MAX_BINDINGS))
    .each(4, descriptor.domains.slice(0, MAX_LIST).map(utf8))
    .each(5, descriptor.names.slice(0, MAX_LIST).map(utf8))
    .finish();
}

/** Reads one of a known node. Undefined when it is too long or not there; what is not canonical in it is left out. */
export function decodeDescriptor(node: NodeId, from: Message | undefined): Descriptor | undefined {
  if (from === undefined) return undefined;
  const macs = from.each(2).map(readMac);
  const addresses = from.each(3).map(decodeBinding);
  const domains = from.each(4).map((bytes) => canonicalDomain(latin(bytes)));
  const names = from.each(5).map((bytes) => readName(bytes));
  if (addresses.length > MAX_BINDINGS || Math.max(macs.length, domains.length, names.length) > MAX_LIST)
    return undefined;
  return {
    node,
    device: from.number(1) === 1,
    macs: macs.filter(isThere),
    addresses: addresses.filter(isThere),
    domains: domains.filter(isThere),
    names: names.filter(isThere),
  };
}

function decodeBinding(bytes: Uint8Array): Binding | undefined {
  const from = Message.read(bytes);
  const address = readAddress(from?.bytes(1));
  const segment = from?.text(2, 128);
  if (address === undefined || segment === undefined) return undefined;
  return segment === '' ? { address } : { address, segment };
}

function encodeCard(card: RouterCard): Uint8Array {
  return new Writer()
    .text(1, card.name)
    .each(2, card.prefixes.slice(0, MAX_LIST).map(utf8))
    .each(3, card.listens.slice(0, MAX_LIST).map(utf8))
    .each(4, card.macs.slice(0, MAX_LIST).map(macBytes))
    .finish();
}

function decodeCard(from: Message | undefined): RouterCard | undefined {
  const name = from?.text(1, 32);
  if (from === undefined || name === undefined || !/^[a-z0-9-]*$/.test(name)) return undefined;
  const prefixes = from.each(2).map((bytes) => canonicalPrefix(latin(bytes)));
  const listens = from.each(3).map((bytes) => readMultiaddr(bytes));
  const macs = from.each(4).map(readMac);
  if (Math.max(prefixes.length, listens.length, macs.length) > MAX_LIST) return undefined;
  return {
    name,
    prefixes: prefixes.filter(isThere),
    listens: listens.filter(isThere),
    macs: macs.filter(isThere),
  };
}

function addressBytes(address: Address): Uint8Array {
  return Uint8Array.from(ipaddr.parse(address).toByteArray());
}

function readAddress(bytes: Uint8Array | undefined): Address | undefined {
  if (bytes === undefined || (bytes.length !== 4 && bytes.length !== 16)) return undefined;
  return canonicalAddress(ipaddr.fromByteArray([...bytes]).toNormalizedString());
}

function macBytes(mac: Mac): Uint8Array {
  return fromHex(mac.replaceAll(':', '')) ?? new Uint8Array(0);
}

function readMac(bytes: Uint8Array): Mac | undefined {
  return bytes.length === 6 ? canonicalMac((toHex(bytes).match(/../g) ?? []).join(':')) : undefined;
}

/** Text in which every byte is one character; the canonical forms that follow allow ASCII only. */
function latin(bytes: Uint8Array): string {
  return bytes.length > 255 ? '' : String.fromCharCode(...bytes);
}

/** A multiaddr as text; what it means is for the overlay to find out. */
function readMultiaddr(bytes: Uint8Array): string | undefined {
  const text = latin(bytes);
  return /^\/[a-zA-Z0-9/.:_-]+$/.test(text) ? text : undefined;
}

/** A printable name of at most 64 characters. */
function readName(bytes: Uint8Array): string | undefined {
  if (bytes.length > 256) return undefined;
  const text = new TextDecoder().decode(bytes);
  return /^[^\p{C}]{1,64}$/u.test(text) ? text : undefined;
}

function isThere<T>(value: T | undefined): value is T {
  return value !== undefined;
}
