import type { NumberedNode } from '../../control/views/numbers.ts';
import type { PolicyBrief } from '../../control/views/policies-brief.ts';

/** SPIN's three lists, in the order of its numbers for them. */
export const LISTS = ['block', 'ignore', 'allow'] as const;
export type ListName = (typeof LISTS)[number];

/** A policy that stands on one of the lists. */
export interface Entry {
  readonly policy: string;
  /** The node that is listed; else a network is. */
  readonly node: string | undefined;
  readonly network: string | undefined;
  /** Its terms hold now. */
  readonly inForce: boolean;
}

/**
 * What stands on one of SPIN's lists: what is blocked or allowed for the whole home; a device that is blocked or allowed on
 * the internet or the LAN as a whole; what is ignored. Policies of groups and patterns are more than a list of addresses can say.
 */
export function entriesOf(list: ListName, policies: readonly PolicyBrief[]): Entry[] {
  return policies.flatMap(({ id, kind, a, b, inForce }) => {
    if (kind !== list) return [];
    if (kind === 'ignore') {
      return a.node === undefined ? [] : [{ policy: id, node: a.node, network: undefined, inForce }];
    }
    const side = a.subject.kind === 'home' ? b : WHOLE.includes(b.subject.kind) ? a : undefined;
    const network = side?.subject.kind === 'network' ? side.subject.prefix : undefined;
    if (side?.node === undefined && network === undefined) return [];
    return [{ policy: id, node: side?.node, network, inForce }];
  });
}

const WHOLE: readonly string[] = ['internet', 'lan'];

/** Which lists a node is on now. */
export class Flags {
  readonly #blocked: ReadonlySet<string>;
  readonly #allowed: ReadonlySet<string>;

  constructor(policies: readonly PolicyBrief[]) {
    const nodes = (list: ListName) =>
      new Set(entriesOf(list, policies).flatMap(({ node, inForce }) => (inForce && node) || []));
    this.#blocked = nodes('block');
    this.#allowed = nodes('allow');
  }

  isBlocked({ ids }: { readonly ids: readonly string[] }): boolean {
    return ids.some((id) => this.#blocked.has(id));
  }

  isAllowed({ ids }: { readonly ids: readonly string[] }): boolean {
    return ids.some((id) => this.#allowed.has(id));
  }
}

/** The addresses and networks of entries, each once; IPv4 first, as SPIN sorts them. */
export function addressesOf(entries: readonly Entry[], nodes: readonly NumberedNode[]): string[] {
  const byId = new Map(nodes.flatMap((node) => node.ids.map((id) => [id, node] as const)));
  const found = entries.flatMap(({ node, network }) => {
    if (network !== undefined) return [network];
    return byId.get(node ?? '')?.addresses.map(({ address }) => address) ?? [];
  });
  return sortedAddresses(found);
}

/** Addresses each once, IPv4 before IPv6, those by their numbers. */
export function sortedAddresses(addresses: readonly string[]): string[] {
  const key = (address: string) =>
    address.includes(':') ? `6${address}` : `4${address.replaceAll(/\d+/g, (part) => part.padStart(3, '0'))}`;
  return [...new Set(addresses)].sort((x, y) => (key(x) < key(y) ? -1 : 1));
}

/** Pairs of nodes that are blocked for the whole home, by their ids. */
export function pairsOf(policies: readonly PolicyBrief[]): { readonly a: string; readonly b: string }[] {
  return policies.flatMap(({ kind, a, b }) => {
    if (kind !== 'block' || a.node === undefined || b.node === undefined) return [];
    return [{ a: a.node, b: b.node }];
  });
}
