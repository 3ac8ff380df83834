import { canonicalAddress } from '../../policy/address.ts';

/** Who a client believes to talk to. */
export interface Host {
  /** Lower case, without a dot at the end; an address in its canonical form, without brackets. */
  readonly name: string;
  readonly isAddress: boolean;
}

const HOST = /^(?:\[([0-9a-fA-F:.]{2,45})\]|([a-zA-Z0-9._-]{1,253}))(?::\d{1,5})?$/;

/** Reads a Host header (RFC 9110, 7.2). Undefined when it is none. */
export function readHost(text: string | undefined): Host | undefined {
  const match = text === undefined || text.length > 300 ? null : HOST.exec(text);
  if (match === null) return undefined;
  const address = canonicalAddress(match[1] ?? match[2] ?? '');
  if (address !== undefined) return { name: address, isAddress: true };
  const name = (match[2] ?? '').toLowerCase().replace(/\.$/, '');
  return name === '' || name.endsWith('.') ? undefined : { name, isAddress: false };
}

/** Whether it can mean nothing but this machine (RFC 6761, 6.3). */
export function isLoopbackHost({ name }: Host): boolean {
  return name === 'localhost' || name.endsWith('.localhost') || name === '::1' || /^127\.[\d.]+$/.test(name);
}

/** What names of a router at home end in; nobody on the internet can own one (RFC 6762, RFC 8375, and what routers hand out). */
const AT_HOME = ['', '.lan', '.local', '.home', '.home.arpa', '.internal', '.localdomain'];

/**
 * Whether a Host is this router: loopback, the address that the client connected to, or one of its names. Everything else
 * may be the name of a stranger that was made to lead here (DNS rebinding).
 */
export function isOwnHost(host: Host, localAddress: string | undefined, names: readonly string[]): boolean {
  if (isLoopbackHost(host)) return true;
  if (host.isAddress) {
    return localAddress !== undefined && canonicalAddress(localAddress.split('%')[0] ?? '') === host.name;
  }
  return names.some((own) => AT_HOME.some((end) => host.name === `${own.toLowerCase()}${end}`));
}

/** Whether an Origin header (RFC 6454, 7) is the origin of the Host that was asked. */
export function isSameOrigin(origin: string, host: string | undefined, secure: boolean): boolean {
  const mine = URL.parse(`${secure ? 'https' : 'http'}://${host ?? ''}`);
  return mine !== null && readHost(host) !== undefined && origin === mine.origin;
}
