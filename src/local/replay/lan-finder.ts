import { canonicalPrefix, familyOf, PrefixSet } from '../../policy/address.ts';
import type { Address, Mac, Prefix } from '../../policy/block-set.ts';
import { type Interfaces, noInterfaces } from '../observe/interfaces.ts';
import { isHomeAddress, type Station, type Stations } from './stations.ts';

/** The one interface that a capture counts as. */
export const CAPTURE = 'capture';

/** Somebody who sends from so many addresses that it does not claim, or gets packets for them, passes them on. */
const MANY_PUBLIC_V4 = 2;
const MANY_PUBLIC_V6 = 3;
const MANY = 8;
/** Each is gone through for many packets; no home has more. */
const MAX_PREFIXES = 32;

/**
 * What a router's interfaces would have said of the segment of a capture, found from its stations alone: which MACs are
 * routers, their own addresses, and the prefixes of the LAN. All other MACs are devices. `lan`: the prefixes that a
 * person has named; whoever has only other addresses is no device then.
 */
export function deduceLan(stations: Stations, lan?: readonly Prefix[]): Interfaces {
  const all = [...stations.all()];
  const routers = findRouters(all);
  const given = lan === undefined ? undefined : new PrefixSet(lan);
  const outside = all.filter((station) => given !== undefined && isOutside(station, given));
  const beyond = new Set([...routers, ...outside.map(({ mac }) => mac)]);
  const devices = all.filter(({ mac }) => !beyond.has(mac));
  const prefixes =
    lan ??
    findPrefixes(
      devices,
      all.filter(({ mac }) => routers.has(mac)),
    );
  const inside = given ?? new PrefixSet(prefixes);
  const ofDevices = new Set(devices.flatMap(({ sources }) => [...sources]));
  const own = all
    .filter(({ mac }) => beyond.has(mac))
    .flatMap(({ claims, sources }) => [...claims, ...[...sources].filter((address) => inside.has(address))])
    .filter((address) => !ofDevices.has(address));
  return {
    ...noInterfaces,
    lan: [{ name: CAPTURE, segment: `${CAPTURE}/lan`, prefixes }],
    addresses: new Set(own),
    lanPrefixes: new Set(prefixes),
    macs: beyond,
  };
}

function findRouters(all: readonly Station[]): Set<Mac> {
  const sure = new Set(all.filter(isSurelyRouter).map(({ mac }) => mac));
  // One public address is enough when a device with a private one speaks to it, and not by way of another router.
  const carriers = all.filter(({ carriedFor }) => [...carriedFor].some((mac) => !sure.has(mac)));
  const routers = new Set([...sure, ...carriers.map(({ mac }) => mac)]);
  for (const station of all) if (isNextHop(station)) routers.add(station.mac);
  // Captured on the router itself: so are its other interfaces.
  const own = all.filter(({ captures }) => captures);
  if (own.some(({ mac }) => routers.has(mac))) for (const { mac } of own) routers.add(mac);
  if (routers.size > 0) return routers;
  // A server of addresses is the router of most homes, when nobody else is.
  return new Set(all.filter(({ servesDhcp }) => servesDhcp).map(({ mac }) => mac));
}

function isSurelyRouter(station: Station): boolean {
  const foreign = [...station.sources.union(station.targets)].filter(
    (address) => !station.claims.has(address),
  );
  const publicOnes = foreign.filter((address) => !isHomeAddress(address));
  const v4 = publicOnes.filter((address) => familyOf(address) === 4).length;
  // A device has many addresses of one IPv6 network.
  const networks = new Set(publicOnes.filter((address) => familyOf(address) === 6).map(networkOf));
  const own = new Set([...station.claims].map(networkOf));
  return (
    station.advertises ||
    v4 >= MANY_PUBLIC_V4 ||
    networks.difference(own).size >= MANY_PUBLIC_V6 ||
    foreign.filter((address) => familyOf(address) === 4).length >= MANY
  );
}

/** It gets packets for addresses far from its own. */
function isNextHop({ claims, sources, targets }: Station): boolean {
  const own = claims.union(sources);
  const networks = new Set([...own].map(networkOf));
  const far = [...targets].filter((address) => isHomeAddress(address) && familyOf(address) === 4);
  return own.size > 0 && far.some((address) => !networks.has(networkOf(address)));
}

function isOutside({ claims, sources }: Station, lan: PrefixSet): boolean {
  const own = [...claims.union(sources)];
  return own.length > 0 && !own.some((address) => lan.has(address));
}

/**
 * The networks of the devices' private and IPv6 addresses and of what routers call their own. One that a single station
 * has besides a network of several is left out: an address of the factory.
 */
function findPrefixes(devices: readonly Station[], routers: readonly Station[]): Prefix[] {
  const networks = (addresses: Iterable<Address>) =>
    new Set([...addresses].filter((one) => isHomeAddress(one) || familyOf(one) === 6).map(networkOf));
  const each = [
    ...devices.map(({ claims, sources, targets }) => networks(claims.union(sources).union(targets))),
    ...routers.map(({ claims }) => networks(claims)),
  ];
  const count = new Map<Prefix, number>();
  for (const one of each) for (const network of one) count.set(network, (count.get(network) ?? 0) + 1);
  const isShared = (network: Prefix) => (count.get(network) ?? 0) > 1;
  const kept = new Set([...count.keys()].filter(isShared));
  for (const one of each) {
    const families = new Set([...one].filter(isShared).map(familyOf));
    for (const network of one) if (!families.has(familyOf(network))) kept.add(network);
  }
  const mostFirst = [...kept].sort((x, y) => (count.get(y) ?? 0) - (count.get(x) ?? 0));
  return mostFirst.slice(0, MAX_PREFIXES);
}

/** 24 bits of IPv4, 64 of IPv6: what nearly all homes have. */
function networkOf(address: Address): Prefix {
  if (familyOf(address) === 4) return `${address.slice(0, address.lastIndexOf('.'))}.0/24`;
  return canonicalPrefix(`${address}/64`) ?? `${address}/128`;
}
