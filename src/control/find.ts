import {
  canonicalAddress,
  canonicalDomain,
  canonicalMac,
  canonicalPrefix,
  isSpecial,
} from '../policy/address.ts';
import type { Address, Mac, NodeId } from '../policy/block-set.ts';
import type { PeerKey } from '../policy/crypto.ts';
import type { Descriptor } from '../policy/descriptor.ts';
import type { Subject } from '../policy/records.ts';
import { type Group, groupsNamed } from './group-book.ts';

/** What a text may stand for. */
export type Match = { readonly subject: Subject; readonly label: string };

/** Where a text is looked up. */
export interface Whereabouts {
  /** The ids of the devices of which an observation, here or elsewhere, is so. Names that people gave are not observed. */
  devicesSeen(is: (device: Descriptor) => boolean): readonly NodeId[];
  /** The ids of all nodes that anybody observed or the policy speaks of, also when nobody sees them any more. */
  ids(): Iterable<{ readonly id: NodeId; readonly device: boolean }>;
  /** All ids that are the same node. */
  classOf(id: NodeId): readonly NodeId[];
  /** What a person called so, in any capitals. */
  named(text: string): readonly Subject[];
  /** True when somebody saw an answer for this domain. */
  knows(domain: string): boolean;
  groups(): ReadonlyMap<string, Group>;
  routers(): readonly { readonly peer: PeerKey; readonly name: string }[];
  /** The device with a MAC, seen or not; undefined when there is no room for one more. */
  deviceWith(mac: Mac): NodeId | undefined;
  /** Whether this router has seen the node with this address. */
  hasHere(id: NodeId, address: Address): boolean;
  /** The remote that is just this address; undefined when there is no room for one more. */
  remoteAt(address: Address): NodeId | undefined;
  label(subject: Subject): string;
}

const MIN_ID_PREFIX = 4;
const KIND = /^(device|remote|domain|pattern|network|group|router|id|address):\s*(.+)$/is;
const ID = /^[0-9a-f]{32}$/;

/**
 * Everything that a person may mean by a text: a reserved word, a group, a name, a MAC, an address, a pattern, a network,
 * a domain (seen or not), the beginning of an id, a router. `group:kids` says which kind is meant; `id:…` and `address:…` are
 * for programs, which no name that a device gives itself may lead astray. Several matches: the person has to say it more
 * exactly.
 */
export function find(text: string, where: Whereabouts): Match[] {
  const typed = unquoted(text.trim());
  const [, kind, rest = ''] = KIND.exec(typed) ?? [];
  if (kind === undefined) return anything(typed, where);
  const wanted = unquoted(rest.trim());
  switch (kind.toLowerCase()) {
    case 'group':
      return groups(wanted, where);
    case 'router':
      return routers(wanted, where);
    case 'domain':
      return domain(wanted);
    case 'pattern':
      return pattern(wanted.startsWith('*.') ? wanted : `*.${wanted}`);
    case 'network':
      return network(wanted);
    case 'id':
      return ID.test(wanted) ? byId(wanted, where) : [];
    case 'address':
      return byAddress(wanted, where);
    default:
      return nodes(wanted, where).filter(({ subject }) => subject.kind === kind.toLowerCase());
  }
}

/** From what a person chose to what a machine did: reserved words, then given names, then all else. */
function anything(wanted: string, where: Whereabouts): Match[] {
  const word = wanted.toLowerCase();
  if (word === 'home' || word === 'lan' || word === 'internet')
    return [{ subject: { kind: word }, label: word }];
  const chosen = groups(wanted, where);
  const named = byName(wanted, where);
  if (chosen.length > 0) return [...chosen, ...named];
  if (named.length > 0) {
    // A device calls itself what it likes: it must not take the place of a domain that others know.
    const claimed = where.named(wanted).length === 0 && where.knows(word);
    return claimed ? [...named, ...domain(wanted)] : named;
  }
  for (const look of [byMac, byAddress]) {
    const found = look(wanted, where);
    if (found.length > 0) return found;
  }
  for (const read of [pattern, network, domain]) {
    const found = read(wanted);
    if (found.length > 0) return found;
  }
  const byPrefix = byId(wanted, where);
  return byPrefix.length > 0 ? byPrefix : routers(wanted, where);
}

function nodes(wanted: string, where: Whereabouts): Match[] {
  for (const look of [byName, byMac, byAddress, byId]) {
    const found = look(wanted, where);
    if (found.length > 0) return found;
  }
  return [];
}

function byName(wanted: string, where: Whereabouts): Match[] {
  const word = wanted.toLowerCase();
  const own = where.devicesSeen(({ names }) => names.some((name) => name.toLowerCase() === word));
  return onePerClass([...where.named(wanted), ...own.map(device)], where);
}

/** A MAC that nobody has seen yet is a device all the same: it will be cut from its first packet. */
function byMac(wanted: string, where: Whereabouts): Match[] {
  const mac = canonicalMac(wanted);
  if (mac === undefined) return [];
  const known = where.devicesSeen(({ macs }) => macs.includes(mac));
  if (known.length > 0) return onePerClass(known.map(device), where);
  const id = where.deviceWith(mac);
  return id === undefined ? [] : [{ subject: { kind: 'device', id }, label: mac }];
}

/**
 * A device's address is the device: one that was seen here before one behind another router, whose LAN may use the same
 * addresses. Any other is the remote that is just it, but for those that are never blocked. A full-length prefix is an
 * address.
 */
function byAddress(wanted: string, where: Whereabouts): Match[] {
  const address = canonicalAddress(wanted) ?? fullLength(canonicalPrefix(wanted));
  if (address === undefined) return [];
  const owners = where.devicesSeen(({ addresses }) => addresses.some((at) => at.address === address));
  const here = owners.filter((id) => where.hasHere(id, address));
  if (owners.length > 0) return onePerClass((here.length > 0 ? here : owners).map(device), where);
  const id = isSpecial(address) ? undefined : where.remoteAt(address);
  return id === undefined ? [] : [{ subject: { kind: 'remote', id }, label: address }];
}

function fullLength(prefix: string | undefined): Address | undefined {
  const [address = '', length] = prefix?.split('/') ?? [];
  return length === (address.includes(':') ? '128' : '32') ? address : undefined;
}

function byId(wanted: string, where: Whereabouts): Match[] {
  const prefix = wanted.toLowerCase();
  if (prefix.length < MIN_ID_PREFIX || !/^[0-9a-f]+$/.test(prefix)) return [];
  const found = new Map<NodeId, Subject>();
  for (const node of where.ids()) {
    if (node.id.startsWith(prefix) && !found.has(node.id)) found.set(node.id, subjectOf(node));
  }
  return onePerClass([...found.values()], where);
}

function pattern(wanted: string): Match[] {
  if (!wanted.startsWith('*.')) return [];
  // A suffix may be a single label, which is no domain by itself.
  const suffix = domainTyped(`x.${wanted.slice(2)}`)?.slice(2);
  return suffix === undefined ? [] : [{ subject: { kind: 'pattern', suffix }, label: `*.${suffix}` }];
}

function network(wanted: string): Match[] {
  const prefix = wanted.includes('/') ? canonicalPrefix(wanted) : undefined;
  return prefix === undefined ? [] : [{ subject: { kind: 'network', prefix }, label: prefix }];
}

function domain(wanted: string): Match[] {
  const name = domainTyped(wanted);
  return name === undefined ? [] : [{ subject: { kind: 'domain', domain: name }, label: name }];
}

/**
 * What ends in a number (`192.168.1`, `010.0.0.1`, `1.0x7f`) is a mistyped address and no name that resolves: a block of it
 * would never bite (URL Standard, "ends in a number checker").
 */
function domainTyped(wanted: string): string | undefined {
  const name = canonicalDomain(wanted);
  return name === undefined || /\.(\d+|0x[0-9a-f]*)$/.test(name) ? undefined : name;
}

function groups(wanted: string, where: Whereabouts): Match[] {
  return groupsNamed(where.groups(), wanted).map(({ name }) => ({
    subject: { kind: 'group', group: name },
    label: name,
  }));
}

function routers(wanted: string, where: Whereabouts): Match[] {
  const word = wanted.toLowerCase();
  const isKey = word.length >= MIN_ID_PREFIX && /^[0-9a-f]+$/.test(word);
  return where
    .routers()
    .filter(({ peer, name }) => name.toLowerCase() === word || (isKey && peer.startsWith(word)))
    .map(({ peer, name }) => ({ subject: { kind: 'router', peer }, label: name }));
}

/** Ids of one class are one thing to a person; the id that was found is kept. */
function onePerClass(subjects: readonly Subject[], where: Whereabouts): Match[] {
  const seen = new Set<NodeId>();
  const matches: Match[] = [];
  for (const subject of subjects) {
    if ((subject.kind !== 'device' && subject.kind !== 'remote') || seen.has(subject.id)) continue;
    for (const id of where.classOf(subject.id)) seen.add(id);
    matches.push({ subject, label: where.label(subject) });
  }
  return matches;
}

function device(id: NodeId): Subject {
  return { kind: 'device', id };
}

function subjectOf({ id, device }: { id: NodeId; device: boolean }): Subject {
  return { kind: device ? 'device' : 'remote', id };
}

/** MQTT and files have no shell that takes the quotes away. */
function unquoted(text: string): string {
  return /^(["']).+\1$/s.test(text) ? text.slice(1, -1) : text;
}
