import { networkInterfaces } from 'node:os';
import {
  canonicalAddress,
  canonicalPrefix,
  familyOf,
  isPublic,
  isSpecial,
  PrefixSet,
} from '../../policy/address.ts';
import type { Address } from '../../policy/block-set.ts';

/** Shared by a provider's customers (RFC 6598). */
const PROVIDERS = new PrefixSet(['100.64.0.0/10']);

/** A network interface that routers of the home may be behind. */
export interface InterfaceAddresses {
  readonly name: string;
  /** Its own addresses with the lengths of their prefixes, for example `192.168.1.1/24`. */
  readonly addresses: readonly string[];
}

/** The addresses that interfaces of these names have now; one that is down or has none is left out. */
export function interfacesNamed(names: Iterable<string>): InterfaceAddresses[] {
  const all = networkInterfaces();
  return [...new Set(names)].flatMap((name) => {
    const addresses = (all[name] ?? []).flatMap(({ cidr, internal }) =>
      internal || cidr === null ? [] : [cidr],
    );
    return addresses.length === 0 ? [] : [{ name, addresses }];
  });
}

/**
 * Whether an uplink leads into another network of the home and not to a provider: none of its IPv4 addresses is public or of a
 * provider's NAT (RFC 6598); without any, none of its IPv6 addresses is public. Nothing is said outside of the home.
 */
export function isInside({ addresses }: InterfaceAddresses): boolean {
  const all = addresses.flatMap((cidr) => bare(cidr) ?? []);
  const ipv4 = all.filter((address) => familyOf(address) === 4);
  const telling = ipv4.length > 0 ? ipv4 : all;
  return telling.length > 0 && telling.every((address) => !isPublic(address) && !PROVIDERS.has(address));
}

/** The interface's address of a family to speak from: for IPv6 any, because the link-local one is taken by itself. */
export function addressToSpeakFrom({ addresses }: InterfaceAddresses, family: 4 | 6): Address | undefined {
  return addresses.map(bare).find((address) => address !== undefined && familyOf(address) === family);
}

/**
 * Which of the addresses that we listen on (multiaddrs, wildcards among them) can be dialled on an interface: its own and no
 * others, so that nobody there hears of our other networks.
 */
export function dialableOn({ addresses }: InterfaceAddresses, listening: readonly string[]): string[] {
  const own = addresses.flatMap((cidr) => bare(cidr) ?? []).filter((address) => !isSpecial(address));
  const dialable = listening.flatMap((text) => {
    const [, kind, host = '', transport, port] = text.split('/');
    if ((kind !== 'ip4' && kind !== 'ip6') || transport !== 'tcp') return [];
    const at = canonicalAddress(host);
    const any = at === '0.0.0.0' || at === '::';
    return own
      .filter((address) => familyOf(address) === (kind === 'ip4' ? 4 : 6) && (any || address === at))
      .map((address) => `/${kind}/${address}/tcp/${port}`);
  });
  return [...new Set(dialable)].sort();
}

/** Tells whether a datagram from a source came over this interface: RFC 6762, section 11, wants its source on the link. */
export function onLink({ name, addresses }: InterfaceAddresses): (source: string) => boolean {
  const prefixes = new PrefixSet(addresses.flatMap((cidr) => canonicalPrefix(cidr) ?? []));
  return (source) => {
    const [text = '', zone] = source.split('%');
    // The kernel names the interface of a link-local source itself.
    if (zone !== undefined) return zone === name;
    const address = canonicalAddress(text);
    return address !== undefined && prefixes.has(address);
  };
}

function bare(cidr: string): Address | undefined {
  return canonicalAddress(cidr.split('/')[0] ?? '');
}
