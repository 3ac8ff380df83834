import { type BlockSet, freeOwner, type Owner, type RecordId } from '../../../../src/policy/block-set.ts';

const WANTED: readonly RecordId[] = [`${'0'.repeat(64)}/0`];

/** What an owner has beyond addresses that are blocked. */
export interface Wide {
  networks?: string[];
  internet?: boolean;
  lan?: boolean;
  exceptions?: string[];
  exceptedNetworks?: string[];
}

/** An owner written shortly; ids are padded to 32 digits. */
export function owner(
  id: string,
  addresses: string[],
  remotes: string[],
  macs: string[] = [],
  wide: Wide = {},
): Owner {
  const wanted = (keys: string[] = []) => new Map(keys.map((key) => [key, WANTED]));
  return {
    ...freeOwner,
    id: id.padStart(32, '0'),
    addresses: new Set(addresses),
    macs: new Set(macs),
    remotes: wanted(remotes),
    networks: wanted(wide.networks),
    internet: wide.internet ? WANTED : undefined,
    lan: wide.lan ? WANTED : undefined,
    exceptions: wanted(wide.exceptions),
    exceptedNetworks: wanted(wide.exceptedNetworks),
  };
}

/** A block set written shortly. `known` is every owner's address and what is given. */
export function blockSet(
  owners: Owner[],
  rest: { everyone?: string[]; home?: string[]; guard?: string[]; known?: string[] } = {},
): BlockSet {
  return {
    owners: new Map(owners.map((one) => [one.id, one])),
    everyone: new Map((rest.everyone ?? []).map((remote) => [remote, WANTED])),
    home: new Set(rest.home ?? ['192.168.1.0/24', '2001:db8:1::/56']),
    guard: new Set(rest.guard ?? ['192.168.1.1/32', '224.0.0.0/4', 'fe80::/10', 'ff00::/8']),
    known: new Set([...owners.flatMap((one) => [...one.addresses]), ...(rest.known ?? [])]),
    spared: [],
  };
}
