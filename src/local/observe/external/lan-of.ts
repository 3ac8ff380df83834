import { familyOf } from '../../../policy/address.ts';
import type { Address } from '../../../policy/block-set.ts';
import { contains } from '../../../policy/prefixes.ts';
import type { Interfaces } from '../interfaces.ts';

const LINK_LOCAL = 'fe80::/10';

/** The LAN interface whose prefix holds the address; of a link-local one the only LAN interface, where there is one. */
export function lanOf({ lan }: Interfaces, address: Address): string | undefined {
  const [only, ...more] = lan;
  if (familyOf(address) === 6 && contains(LINK_LOCAL, address))
    return more.length === 0 ? only?.name : undefined;
  return lan.find(({ prefixes }) => prefixes.some((prefix) => contains(prefix, address)))?.name;
}
