import { isIP } from 'node:net';
import type { PasswordFile } from './password.ts';

/** What a person does who has no password yet. */
export const SET_A_PASSWORD = 'set a password on the router: hedgerow config password';

/**
 * Why a door may not listen at an address (`host:port`, `[v6]:port`, an absolute path): on the network only with a
 * password. Undefined when it may. For `refuses` of a Doorway.
 */
export function needsPassword(password: PasswordFile): (address: string) => string | undefined {
  return (address) =>
    isOnlyHere(address) || password.isSet()
      ? undefined
      : `${address} is on the network and is not opened without a password: ${SET_A_PASSWORD}`;
}

/** Whether nobody but this machine can connect there. */
export function isOnlyHere(address: string): boolean {
  if (address.startsWith('/')) return true;
  const host = address.slice(0, address.lastIndexOf(':')).replace(/^\[(.*)\]$/, '$1');
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}
