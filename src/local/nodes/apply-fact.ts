import { isSpecial } from '../../policy/address.ts';
import type { Address, NodeId } from '../../policy/block-set.ts';
import type { AnswerFact, Fact, HostNameFact, NeighbourFact } from '../observe/facts.ts';
import { addName } from './names.ts';
import type { NodeBooks } from './node-books.ts';

/** What a fact has changed. */
export interface Applied {
  /** Nodes that came, or have other addresses; may name one twice. */
  readonly changed: readonly NodeId[];
  /** Nodes of which something else changed: names, or that an earlier run's is back. */
  readonly told: readonly NodeId[];
  /** The device that was seen for the first time. */
  readonly appeared?: NodeId | undefined;
}

const NOTHING: Applied = { changed: [], told: [] };

/** Takes a fact in; `now` is monotonic milliseconds. */
export function applyFact(books: NodeBooks, fact: Fact, now: number): Applied {
  if (fact.kind === 'neighbour') return neighbour(books, fact, now);
  return fact.kind === 'answer' ? answer(books, fact, now) : hostName(books, fact);
}

/** Whoever was just learnt from takes the address; what the kernel remembers takes it only from what we remember. */
function neighbour(books: NodeBooks, fact: NeighbourFact, now: number): Applied {
  const { segment, address, mac, present, fresh, stale = false } = fact;
  const { devices } = books;
  const known = devices.byMac(mac);
  if (!present && known === undefined) return NOTHING;
  const device = known ?? books.addDevice(mac, now);
  if (device === undefined) return NOTHING;
  const changed = known === undefined ? [device.id] : [];
  const takes = fresh || devices.owner(segment, address) === device || devices.isFree(segment, address);
  if (present && takes && !isSpecial(address)) {
    for (const { id } of devices.bind(device, segment, address, now)) changed.push(id);
  }
  // Where it was is worth knowing; that it is there was not said.
  const isThere = present && !(stale && known !== undefined);
  const isBack = isThere && known !== undefined && device.heard === undefined;
  if (isThere) devices.touch(device, now, fresh);
  return {
    changed,
    told: isBack ? [device.id] : [],
    appeared: known === undefined ? device.id : undefined,
  };
}

/**
 * What a device names in a TLS hello (`sni`) is its own word, not a resolver's: it names what nobody else has named, so that no
 * device can tie a blocked name to an address that others know by another.
 */
function answer(books: NodeBooks, fact: AnswerFact, now: number): Applied {
  const { domain } = fact;
  const { remotes } = books;
  const isOpen = (address: Address) => remotes.domainsOf(address).every((other) => other === domain);
  const addresses = fact.source === 'sni' ? fact.addresses.filter(isOpen) : fact.addresses;
  if (addresses.length === 0) return NOTHING;
  const known = remotes.byKey(domain);
  const remote = known ?? books.addRemote({ domain }, now);
  if (remote === undefined) return NOTHING;
  remotes.touch(remote, now);
  let isNew = known === undefined;
  for (const address of addresses) {
    if (!isSpecial(address)) isNew = remotes.bind(remote, address, now) || isNew;
  }
  return isNew ? { changed: [remote.id], told: [] } : NOTHING;
}

function hostName(books: NodeBooks, fact: HostNameFact): Applied {
  const device = books.devices.byMac(fact.mac);
  if (device === undefined) {
    books.waitingNames.add(fact);
    return NOTHING;
  }
  return addName(device.names, fact) ? { changed: [], told: [device.id] } : NOTHING;
}
