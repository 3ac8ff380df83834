import { UnavailableError } from '../../errors.ts';
import { canonicalAddress, canonicalMac, canonicalPrefix, isPrivate } from '../../policy/address.ts';
import type { Address, Mac, Prefix } from '../../policy/block-set.ts';
import type { Exec } from '../exec.ts';
import { ownText } from './facts.ts';

export interface LanInterface {
  readonly name: string;
  /** `router/interface`, or `router/parent/vlan` for a VLAN interface. */
  readonly segment: string;
  /** The prefixes of its own addresses, without link-local ones. */
  readonly prefixes: readonly Prefix[];
}

/** What this router's interfaces are. Immutable. */
export interface Interfaces {
  /** Empty when nothing looks like one and nobody told. On a box that only bridges: its bridge. */
  readonly lan: readonly LanInterface[];
  /** Those with a default route. */
  readonly wan: readonly string[];
  /** Every address of this router itself. */
  readonly addresses: ReadonlySet<Address>;
  readonly lanPrefixes: ReadonlySet<Prefix>;
  readonly macs: ReadonlySet<Mac>;
  /** The gateways of its routes: never devices, wherever they are. */
  readonly nextHops: ReadonlySet<Address>;
  /** Bridges that join two ports and more; absent: none. */
  readonly bridges?: ReadonlySet<string> | undefined;
  /** Undefined while this router passes packets between networks; else why it does not, in words. */
  readonly forwardsNothing?: string | undefined;
}

export interface InterfaceConfig {
  /** This router's part of a segment's name. */
  router: string;
  /** Interface names; found when absent. */
  lan?: readonly string[] | undefined;
  wan?: readonly string[] | undefined;
}

export const noInterfaces: Interfaces = {
  lan: [],
  wan: [],
  addresses: new Set(),
  lanPrefixes: new Set(),
  macs: new Set(),
  nextHops: new Set(),
};

/**
 * The texts of `ip -o addr`, `ip -o link`, `ip route` and `ip -6 route` (iproute2 and BusyBox write the same), and of the
 * kernel's settings for forwarding, empty when they could not be read (ip-sysctl.rst).
 */
export interface InterfaceTexts {
  addr: string;
  link: string;
  route4: string;
  route6: string;
  forwarding?: string;
}

/** What is read, in this order; only the first must succeed. A kernel without IPv6 has no such routes: no answer is right then. */
const COMMANDS = [
  'ip -o addr || exit',
  'ip -o link',
  'ip route',
  'ip -6 route',
  'cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv6/conf/all/forwarding',
];
const SEPARATOR = '\n@\n';
/** One shell for all of them: to start five commands every few seconds costs more than all that they say. */
const SCRIPT = COMMANDS.join("; printf '\\n@\\n'; ");

/** Reads the interfaces. Throws UnavailableError when `ip` cannot tell the addresses. */
export async function readInterfaces(
  exec: Exec,
  config: InterfaceConfig,
  signal: AbortSignal,
): Promise<Interfaces> {
  const { stdout, stderr } = await exec.run(['sh', '-c', SCRIPT], { timeoutMs: 5_000, signal });
  const [addr = '', link, route4 = '', route6 = '', forwarding = ''] = stdout.split(SEPARATOR);
  if (link === undefined) throw new UnavailableError(`cannot read the interfaces: ${stderr.slice(0, 200)}`);
  return deduceInterfaces({ addr, link, route4, route6, forwarding }, config);
}

/**
 * LAN is what the config names, else each Ethernet-like interface with a private IPv4 or global IPv6 prefix and no
 * default route. WAN is what the config names, else what has a default route. No interface is both. On a box that only
 * bridges the bridge is LAN although its default route is there: everything beside it is of the home, and nothing is WAN.
 */
export function deduceInterfaces(texts: InterfaceTexts, config: InterfaceConfig): Interfaces {
  const links = parseLinks(texts.link);
  const owned = parseAddresses(texts.addr);
  const routes = parseRoutes(`${texts.route4}\n${texts.route6}`);
  const prefixesOf = new Map<string, Set<Prefix>>();
  for (const { name, prefix } of owned) {
    if (prefix === undefined) continue;
    const prefixes = prefixesOf.get(name) ?? new Set();
    prefixesOf.set(name, prefixes.add(prefix));
  }
  const networks = new Set([...prefixesOf.keys(), ...routes.defaults]);
  const forwardsNothing = whyNot(networks, texts.forwarding ?? '');
  const told = config.lan !== undefined || config.wan !== undefined;
  const bridges = bridgesOf(links);
  const [only = ''] = networks;
  const alone = !told && forwardsNothing !== undefined && networks.size === 1 && bridges.has(only);
  const bridge = alone ? only : undefined;
  const isWan = (name: string) => config.lan?.includes(name) !== true && name !== bridge;
  const wan = config.wan ?? [...routes.defaults].filter(isWan);
  const isLan = (name: string): boolean =>
    links.get(name)?.ethernet !== false &&
    !wan.includes(name) &&
    (name === bridge || !routes.defaults.has(name)) &&
    [...(prefixesOf.get(name) ?? [])].some(
      (prefix) => prefix.includes(':') || isPrivate(prefix.slice(0, prefix.indexOf('/'))),
    );
  const names = config.lan ?? [...prefixesOf.keys()].filter(isLan);
  const lan = names
    .filter((name) => config.lan === undefined || links.has(name) || prefixesOf.has(name))
    .map((name) => ({
      name,
      segment: segmentOf(config.router, name, links.get(name)?.parent),
      prefixes: [...(prefixesOf.get(name) ?? [])],
    }));
  return {
    lan,
    wan,
    addresses: new Set(owned.map(({ address }) => address)),
    lanPrefixes: new Set(lan.flatMap(({ prefixes }) => prefixes)),
    macs: new Set([...links.values()].flatMap(({ mac }) => (mac === undefined ? [] : [mac]))),
    nextHops: routes.nextHops,
    bridges,
    ...(forwardsNothing === undefined ? {} : { forwardsNothing }),
  };
}

/** What a router that forwards nothing is told to a person with, but for what it blocks; undefined when it forwards. */
export function forwardsNothingText({ forwardsNothing, lan }: Interfaces): string | undefined {
  if (forwardsNothing === undefined) return undefined;
  const head = `this router forwards nothing (${forwardsNothing}), so it sees no flows`;
  if (lan.length === 0) return `${head}; nor was a LAN found on which it could see devices`;
  const names = lan.map(({ name }) => name).join(', ');
  return `${head}; it can still see devices on ${names}, and names where DNS passes through there`;
}

/** Why this box passes nothing on between networks; undefined when it does, or when that is not known. */
function whyNot(networks: ReadonlySet<string>, forwarding: string): string | undefined {
  if (/^[\s0]*0[\s0]*$/.test(forwarding)) return 'IP forwarding is off on this machine';
  const [only] = networks;
  return networks.size === 1 ? `${only} is its only network` : undefined;
}

/** What joins several ports to one network. */
function bridgesOf(links: ReadonlyMap<string, Link>): Set<string> {
  const masters = [...links.values()].flatMap(({ master }) => (master === undefined ? [] : [master]));
  return new Set(masters.filter((master, i) => masters.indexOf(master) !== i));
}

/** True when both say the same. */
export function sameInterfaces(a: Interfaces, b: Interfaces): boolean {
  const flat = (all: Interfaces) =>
    JSON.stringify([
      all.lan,
      all.wan,
      all.forwardsNothing,
      ...[all.addresses, all.macs, all.nextHops, all.bridges ?? []].map((set) => [...set].sort()),
    ]);
  return flat(a) === flat(b);
}

/** `br-lan.10@br-lan` is the same segment as frames with tag 10 on `br-lan`. */
function segmentOf(router: string, name: string, parent: string | undefined): string {
  const tag = parent !== undefined && name.startsWith(`${parent}.`) ? name.slice(parent.length + 1) : '';
  return /^\d{1,4}$/.test(tag) ? `${router}/${parent}/${tag}` : `${router}/${name}`;
}

interface OwnAddress {
  name: string;
  address: Address;
  /** Of addresses with global scope that share their prefix with others. */
  prefix: Prefix | undefined;
}

function parseAddresses(text: string): OwnAddress[] {
  const found: OwnAddress[] = [];
  for (const line of text.split('\n')) {
    const match = /^\d+:\s+(\S+)\s+inet6?\s+([0-9a-fA-F.:]+)(?:\/(\d+)|\s+peer\s+\S+)(.*)$/.exec(line);
    const [, name = '', base = '', bits, rest = ''] = match ?? [];
    const address = canonicalAddress(base);
    if (address === undefined || name === 'lo') continue;
    const shared =
      bits !== undefined &&
      /\bscope (global|site)\b/.test(rest) &&
      Number(bits) < (address.includes(':') ? 128 : 32);
    const prefix = shared ? canonicalPrefix(`${address}/${bits}`) : undefined;
    found.push({ name: ownText(name), address: ownText(address), prefix });
  }
  return found;
}

interface Link {
  /** True for what carries Ethernet frames; tunnels, PPP and loopback do not. */
  ethernet: boolean;
  mac: Mac | undefined;
  parent: string | undefined;
  /** The bridge that it is a port of. */
  master: string | undefined;
}

function parseLinks(text: string): Map<string, Link> {
  const links = new Map<string, Link>();
  for (const line of text.split('\n')) {
    const match = /^\d+:\s+([^\s:@]+)(?:@([^\s:]+))?:\s.*\slink\/(\S+)(?:\s+(\S+))?/.exec(line);
    const [, name, parent, type, hardware = ''] = match ?? [];
    if (name === undefined) continue;
    const mac = type === 'ether' ? canonicalMac(hardware) : undefined;
    // Links of a bond say that they are slaves; it is one link to the outside.
    const master = /<[^>]*\bSLAVE\b/.test(line) ? undefined : /\smaster (\S+)/.exec(line)?.[1];
    links.set(ownText(name), {
      ethernet: type === 'ether',
      mac,
      parent,
      master: master === undefined ? undefined : ownText(master),
    });
  }
  return links;
}

function parseRoutes(text: string): { defaults: Set<string>; nextHops: Set<Address> } {
  const defaults = new Set<string>();
  const nextHops = new Set<Address>();
  let isDefault = false;
  for (const line of text.split('\n')) {
    // A route over several hops goes on in lines that begin with a blank and `nexthop`.
    if (!/^\s/.test(line)) isDefault = /^(default|0\.0\.0\.0\/0|::\/0)\s/.test(line);
    const via = /\bvia (?:inet6 )?(\S+)/.exec(line)?.[1];
    const hop = via === undefined ? undefined : canonicalAddress(via);
    if (hop !== undefined) nextHops.add(ownText(hop));
    const name = /\bdev (\S+)/.exec(line)?.[1];
    if (isDefault && name !== undefined && name !== 'lo') defaults.add(ownText(name));
  }
  return { defaults, nextHops };
}
