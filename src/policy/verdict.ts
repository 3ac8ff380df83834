import type { Address, Owner, Prefix, RecordId, Spared, Wanted } from './block-set.ts';
import { contains, without } from './prefixes.ts';
import { excepts, type Rule } from './rules.ts';

/** What holds for every device. */
export interface Common {
  /** Blocks of addresses for the whole home, by address: the kernel has them once. */
  readonly everyone: ReadonlyMap<Address, readonly Rule[]>;
  /** Blocks of networks, the internet or the lan for the whole home: these are expanded to each device. */
  readonly wide: readonly Rule[];
  readonly allows: readonly Rule[];
  readonly guarded: (address: Address) => boolean;
  /** Whether an address lies inside the home's prefixes. */
  readonly inside: (address: Address) => boolean;
}

export interface Verdict extends Omit<Owner, 'id' | 'addresses' | 'macs'> {
  readonly spared: readonly Spared[];
}

/**
 * What is blocked for one device and what passes all the same (policy.md, "Subjects and precedence"): an address passes
 * when every block that covers it has an allow that excepts it. What an equal or narrower block covers is taken out of
 * the exceptions, so that a backend only has to ask in order: exceptions, addresses, excepted networks, networks, wide.
 */
export function verdictOf(own: readonly Rule[], common: Common): Verdict {
  const blocks = [...own.filter(({ effect }) => effect === 'block'), ...common.wide];
  const allows = [...own.filter(({ effect }) => effect === 'allow'), ...common.allows];
  const spared: Spared[] = [];
  const remotes = new Map<Address, Rule[]>();
  const networks = new Map<Prefix, Rule[]>();
  for (const rule of blocks) {
    for (const address of rule.addresses) {
      if (common.guarded(address)) spared.push({ record: rule.record, address, why: 'guard' });
      else push(remotes, address, rule);
    }
    for (const prefix of rule.networks) push(networks, prefix, rule);
  }
  const exceptions = exceptedAddresses(blocks, allows, remotes, networks, common);
  return {
    remotes: named(remotes),
    networks: named(networks),
    internet: wideLeft('internet', blocks, allows),
    lan: wideLeft('lan', blocks, allows),
    exceptions,
    exceptedNetworks: exceptedNetworks(blocks, allows, networks),
    spared,
  };
}

/** Finds the addresses that pass, and takes them (and what is excepted of the others) out of `remotes`. */
function exceptedAddresses(
  blocks: readonly Rule[],
  allows: readonly Rule[],
  remotes: Map<Address, Rule[]>,
  networks: ReadonlyMap<Prefix, readonly Rule[]>,
  { everyone, guarded, inside }: Common,
): Map<Address, Wanted> {
  const passing = new Map<Address, Rule[]>();
  for (const allow of allows) for (const address of allow.addresses) push(passing, address, allow);
  // The addresses of a group are as wide as a network: an allow of a network may except them.
  const inNetworks = allows.filter((allow) => allow.networks.length > 0);
  for (const [address, rules] of inNetworks.length > 0 ? [...remotes, ...everyone] : []) {
    for (const allow of inNetworks) {
      if (!rules.some((block) => excepts(allow, block)) || passing.get(address)?.includes(allow)) continue;
      if (allow.networks.some((prefix) => contains(prefix, address))) push(passing, address, allow);
    }
  }
  const exceptions = new Map<Address, Wanted>();
  for (const [address, reasons] of passing) {
    if (guarded(address)) continue;
    const direct = remotes.get(address) ?? [];
    const where = inside(address) ? 'lan' : 'internet';
    const covering = [
      ...direct,
      ...(everyone.get(address) ?? []),
      ...[...networks].filter(([prefix]) => contains(prefix, address)).flatMap(([, rules]) => rules),
      ...blocks.filter(({ wide }) => wide === where),
    ];
    if (covering.length === 0) continue;
    const left = covering.filter((block) => !reasons.some((allow) => excepts(allow, block)));
    if (left.length === 0) exceptions.set(address, idsOf(reasons));
    const kept = direct.filter((rule) => left.includes(rule));
    if (kept.length > 0) remotes.set(address, kept);
    else remotes.delete(address);
  }
  return exceptions;
}

function exceptedNetworks(
  blocks: readonly Rule[],
  allows: readonly Rule[],
  networks: ReadonlyMap<Prefix, readonly Rule[]>,
): Map<Prefix, Wanted> {
  const excepted = new Map<Prefix, RecordId[]>();
  const wide = blocks.some((block) => block.wide !== undefined);
  for (const allow of allows) {
    for (const prefix of allow.networks) {
      const met = [...networks].filter(([other]) => contains(other, prefix) || contains(prefix, other));
      if (met.length === 0 && !wide) continue;
      const holes = met
        .filter(([, rules]) => rules.some((block) => !excepts(allow, block)))
        .map(([other]) => other);
      for (const part of without(prefix, holes)) push(excepted, part, allow.record);
    }
  }
  return excepted;
}

function wideLeft(
  wide: 'internet' | 'lan',
  blocks: readonly Rule[],
  allows: readonly Rule[],
): Wanted | undefined {
  const left = blocks.filter(
    (block) => block.wide === wide && !allows.some((allow) => allow.wide === wide && excepts(allow, block)),
  );
  return left.length === 0 ? undefined : idsOf(left);
}

export function named<K>(rules: ReadonlyMap<K, readonly Rule[]>): Map<K, Wanted> {
  return new Map([...rules].map(([key, of]) => [key, idsOf(of)]));
}

function idsOf(rules: readonly Rule[]): RecordId[] {
  return [...new Set(rules.map(({ record }) => record))];
}

function push<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}
