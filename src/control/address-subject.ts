import { canonicalAddress, canonicalPrefix } from '../policy/address.ts';

/** An address or a network, for programs that know nothing else. */
export interface AddressSubject {
  readonly kind: 'address' | 'network';
  /** As views write it. */
  readonly text: string;
  /** As commands take it, so that no name can be meant. */
  readonly what: string;
}

/** Reads an address or a prefix; a prefix of full length is the address. Undefined for anything else. */
export function addressSubject(given: string): AddressSubject | undefined {
  const address = canonicalAddress(given) ?? wholeAddress(given);
  if (address !== undefined) return { kind: 'address', text: address, what: `address:${address}` };
  const prefix = given.includes('/') ? canonicalPrefix(given) : undefined;
  return prefix === undefined ? undefined : { kind: 'network', text: prefix, what: `network:${prefix}` };
}

function wholeAddress(given: string): string | undefined {
  const [base = '', bits] = given.split('/');
  const address = canonicalAddress(base);
  if (address === undefined || canonicalPrefix(given) === undefined) return undefined;
  return bits === (address.includes(':') ? '128' : '32') ? address : undefined;
}
