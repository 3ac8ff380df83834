/** Block sets of a size that can be chosen, for a house of fifty devices: what a large household could want. */
import { type BlockSet, freeOwner, type Owner, type RecordId } from '../src/policy/block-set.ts';

/** A device, as its router sees it. */
export interface Place {
  readonly mac: string;
  readonly ipv4: string;
  readonly ipv6: string;
}

/** What stands beside the pairs. */
export interface Beside {
  /** Owners have MACs, so that a source that nobody knows is looked up by its MAC. */
  readonly macs?: boolean;
  /** 18 owners with `internet`, `lan`, exceptions and networks, three of them with 10,000 and 10,000 prefixes; some remotes for everyone. */
  readonly wide?: boolean;
}

export const DEVICES = 50;
/** Addresses of a remote, of each family. */
export const ADDRESSES = 4;
/** Prefixes in a list, of each family. */
const LISTED = 10_000;
const EVERYONE = 100;
const WANTED: readonly RecordId[] = [`${'0'.repeat(64)}/0`];

/** What a wide owner has, by its number from the last. */
const KINDS = [
  ...Array.from({ length: 5 }, () => ['internet'] as const),
  ...Array.from({ length: 5 }, () => ['lan'] as const),
  ...Array.from({ length: 5 }, () => ['internet', 'exceptions'] as const),
  ...Array.from({ length: 3 }, () => ['networks', 'exceptions'] as const),
] as const;

/** The numbers of devices that stand for something in a block set with wide subjects. */
export const WIDE = { first: DEVICES - KINDS.length, excepted: DEVICES - 4, listed: DEVICES - 1 } as const;

/** Device `n` of the LAN that a router's number makes. */
export function place(lan: number, n: number): Place {
  const [host, hex] = [n + 16, lan].map((one) => one.toString(16).padStart(2, '0'));
  return {
    mac: `02:00:5e:10:${hex}:${host}`,
    ipv4: `192.168.${lan}.${n + 16}`,
    ipv6: `2001:db8:${lan}::a:${host}`,
  };
}

/** Address `part` of remote `n`: of the range for benchmarks (RFC 2544) and of documentation (RFC 3849). */
export function remoteAddresses(n: number, part: number): readonly [string, string] {
  const at = n * ADDRESSES + part;
  return [
    `198.${18 + (at >> 16)}.${(at >> 8) & 255}.${at & 255}`,
    `2001:db8:bbbb::1:${(at + 1).toString(16)}`,
  ];
}

/** Addresses of the internet that nothing blocks, and that owners with exceptions have excepted. */
export const FREE = { ipv4: '203.0.113.10', ipv6: '2001:db8:cb00::10' } as const;
/** And such that nobody has excepted. */
export const PLAIN = { ipv4: '203.0.113.20', ipv6: '2001:db8:cb00::20' } as const;

/**
 * So many pairs of fifty devices with remotes of four and four addresses, each remote its own.
 * @param lan the number of the LAN, which makes its prefixes
 */
export function blockSetOf(lan: number, pairs: number, beside: Beside = {}): BlockSet {
  const remotes = Array.from({ length: DEVICES }, () => new Map<string, readonly RecordId[]>());
  for (let n = 0; n < pairs; n++)
    for (let part = 0; part < ADDRESSES; part++)
      for (const address of remoteAddresses(n, part)) remotes[n % DEVICES]?.set(address, WANTED);
  const owners = remotes.flatMap((mine, n) => {
    const owner = ownerOf(lan, n, mine, beside);
    return mine.size > 0 || owner.wide ? [owner.owner] : [];
  });
  const known = Array.from({ length: DEVICES }, (_, n) => place(lan, n));
  return {
    owners: new Map(owners.map((one) => [one.id, one])),
    everyone: new Map(beside.wide ? everyone().map((address) => [address, WANTED]) : []),
    home: new Set([`192.168.${lan}.0/24`, `2001:db8:${lan}::/64`]),
    guard: new Set([`192.168.${lan}.1/32`, '224.0.0.0/4', 'fe80::/10', 'ff00::/8']),
    known: new Set(known.flatMap(({ ipv4, ipv6 }) => [ipv4, ipv6])),
    spared: [],
  };
}

/** The same, with the remotes of one owner changed. */
export function withRemotes(
  set: BlockSet,
  id: string,
  change: (remotes: Map<string, readonly RecordId[]>) => void,
): BlockSet {
  const owner = set.owners.get(id);
  if (owner === undefined) throw new RangeError(`no owner ${id}`);
  const remotes = new Map(owner.remotes);
  change(remotes);
  return { ...set, owners: new Map(set.owners).set(id, { ...owner, remotes }) };
}

export const idOf = (n: number): string => n.toString(16).padStart(32, '0');

export const wanted = WANTED;

function ownerOf(
  lan: number,
  n: number,
  remotes: Owner['remotes'],
  { macs, wide }: Beside,
): { readonly owner: Owner; readonly wide: boolean } {
  const { mac, ipv4, ipv6 } = place(lan, n);
  const kinds: readonly string[] = (wide && KINDS[n - WIDE.first]) || [];
  const has = (kind: string) => kinds.includes(kind);
  const listed = (of: (i: number) => string) =>
    new Map(Array.from({ length: LISTED }, (_, i) => [of(i), WANTED] as const));
  const owner: Owner = {
    ...freeOwner,
    id: idOf(n),
    addresses: new Set([ipv4, ipv6]),
    macs: new Set(macs ? [mac] : []),
    remotes,
    internet: has('internet') ? WANTED : undefined,
    lan: has('lan') ? WANTED : undefined,
    networks: new Map(has('networks') ? [...listed(network4), ...listed(network6)] : []),
    exceptions: new Map(has('exceptions') ? [FREE.ipv4, FREE.ipv6].map((one) => [one, WANTED]) : []),
    exceptedNetworks: new Map(
      has('networks') ? ['100.64.0.0/28', '2001:db8:2710::/60'].map((one) => [one, WANTED]) : [],
    ),
  };
  return { owner, wide: kinds.length > 0 };
}

const LENGTHS_4 = [24, 25, 26, 28];
const LENGTHS_6 = [48, 52, 56, 64];
/** Each in a /24 of 100.64.0.0/10 (RFC 6598), and in a /48. */
const network4 = (i: number) => `100.${64 + (i >> 8)}.${i & 255}.0/${LENGTHS_4[i % 4]}`;
const network6 = (i: number) => `2001:db8:${(10_000 + i).toString(16)}::/${LENGTHS_6[i % 4]}`;

const everyone = () =>
  Array.from({ length: EVERYONE }, (_, n) => [
    `203.0.112.${n + 1}`,
    `2001:db8:eeee::${(n + 1).toString(16)}`,
  ]).flat();
