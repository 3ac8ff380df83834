import { isRandomised } from '../../local/nodes/vendors.ts';
import type { AskedName } from '../../local/replay/asked-names.ts';
import { OTHERS, type Partner, type ServiceTotal } from '../../local/replay/partners.ts';
import type { Presence } from '../../local/replay/presences.ts';
import type { Replayed } from '../../local/replay/replay.ts';
import type { NodeId } from '../../policy/block-set.ts';
import type { Directory } from '../directory.ts';
import type { Rehearsal } from '../rehearsal.ts';
import { protocolName } from './protocols.ts';
import { type Amount, type TrialView, trialView } from './trial.ts';

/** What a device did by one service with one address. */
export interface ServiceView {
  /** tcp, udp, icmp … or the number. */
  readonly protocol: string;
  readonly port: number;
  readonly up: Amount;
  readonly down: Amount;
  readonly connections: number;
}

/** Whom a device spoke with: a name with all the addresses that it had, another device, or an address. */
export interface PartnerView {
  readonly label: string;
  readonly isDevice: boolean;
  readonly up: Amount;
  readonly down: Amount;
  readonly connections: number;
  readonly addresses: readonly {
    readonly address: string;
    readonly names: readonly string[];
    readonly services: readonly ServiceView[];
  }[];
}

export interface ReplayedDevice {
  readonly id: NodeId;
  readonly label: string;
  readonly mac: string;
  readonly vendor: string | undefined;
  readonly randomisedMac: boolean;
  readonly names: readonly string[];
  readonly addresses: readonly string[];
  /** Addresses that mean something on its segment only. */
  readonly linkLocal: readonly string[];
  /** ISO 8601. */
  readonly firstSeen: string;
  readonly lastSeen: string;
  /** Frames that it sent. */
  readonly frames: number;
  readonly up: Amount;
  readonly down: Amount;
  /** The busiest first. */
  readonly partners: readonly PartnerView[];
  readonly asked: readonly {
    readonly domain: string;
    readonly asked: number;
    readonly answered: number;
    readonly addresses: readonly string[];
  }[];
  /** Names that it asked for, and none of whose addresses it spoke with. */
  readonly neverContacted: readonly string[];
}

/** What a capture showed. Times are ISO 8601, by the clock of the capture. */
export interface ReplayView {
  readonly file: string;
  /** Of the file, and how much of it was read. */
  readonly bytes: number;
  readonly bytesRead: number;
  /** Why not everything was read. */
  readonly damage: string | undefined;
  readonly interrupted: boolean;
  /** Captured on several interfaces of a router: packets that passed more than one are counted for each. */
  readonly severalInterfaces: boolean;
  readonly frames: number;
  /** Of the frames on the wire. */
  readonly frameBytes: number;
  readonly first: string | undefined;
  readonly last: string | undefined;
  readonly durationS: number;
  readonly tookMs: number;
  readonly packetsPerSecond: number;
  readonly lan: {
    readonly prefixes: readonly string[];
    readonly routers: readonly { readonly mac: string; readonly vendor: string | undefined }[];
    readonly routerAddresses: readonly string[];
  };
  readonly devices: readonly ReplayedDevice[];
  /** Packets that became part of a flow; frames that did not, by reason. */
  readonly counted: number;
  readonly left: Readonly<Record<LeftReason, number>>;
  /** What there was no room for, by kind; empty when nothing was lost. */
  readonly dropped: Readonly<Record<string, number>>;
  readonly trial: TrialView | undefined;
}

/**
 * Why a frame is in no flow. `router`: between a router and somebody, or past all devices. `local`: for everybody on the segment,
 * or between link-local addresses. `unknown`: an address of the LAN whose device never showed. `notIp`: ARP and the like,
 * whose facts were read. `damaged`: cut short or malformed. `link`: a kind of capture that is not read.
 * `noMac`: of a capture that does not tell whose packets they are. `full`: no room.
 */
export type LeftReason = 'router' | 'local' | 'unknown' | 'notIp' | 'damaged' | 'link' | 'noMac' | 'full';

/** A replay as a person is shown it. `vendorOf`: who made a device, by its MAC. */
export function replayView(
  file: { readonly path: string; readonly size: number },
  replayed: Replayed,
  { directory, policies }: Pick<Rehearsal, 'directory' | 'policies'>,
  vendorOf: (mac: string) => string | undefined,
): ReplayView {
  const { replayer, interfaces, clock, tookMs, damage, interrupted, bytesRead, trial } = replayed;
  const { counters } = replayer.tally;
  const { notIp, damaged, link, broadcast, noMac } = replayer.left;
  const { first } = clock;
  const { frames, bytes: frameBytes } = replayer.frames;
  const devices = replayer.presences
    .all()
    .flatMap((presence) => deviceView(replayed, directory, presence, vendorOf) ?? [])
    .sort((x, y) => total(y) - total(x) || (x.mac < y.mac ? -1 : 1));
  return {
    file: file.path,
    bytes: file.size,
    bytesRead,
    damage,
    interrupted,
    severalInterfaces: replayer.severalInterfaces,
    frames,
    frameBytes,
    first: first === undefined ? undefined : iso(first),
    last: first === undefined ? undefined : iso(clock.now()),
    durationS: clock.monotonic() / 1_000,
    tookMs: Math.round(tookMs),
    packetsPerSecond: Math.round((frames / Math.max(tookMs, 1)) * 1_000),
    lan: {
      prefixes: [...interfaces.lanPrefixes].sort(),
      routers: [...interfaces.macs].sort().map((mac) => ({ mac, vendor: vendorOf(mac) })),
      routerAddresses: [...interfaces.addresses].sort(),
    },
    devices,
    counted: counters.counted,
    left: {
      router: counters.router,
      local: counters.special + broadcast,
      unknown: counters.unknown,
      notIp,
      damaged,
      link,
      noMac,
      full: counters.full,
    },
    dropped: droppedOf(replayed),
    trial: trial && trialView(trial, policies, directory),
  };
}

function deviceView(
  { replayer, cache }: Replayed,
  directory: Directory,
  presence: Presence,
  vendorOf: (mac: string) => string | undefined,
): ReplayedDevice | undefined {
  const { mac } = presence;
  const id = replayer.interfaces.macs.has(mac) ? undefined : cache.deviceByMac(mac);
  const node = id === undefined ? undefined : directory.observed(id);
  if (id === undefined || node === undefined) return undefined;
  const asked = replayer.asked.of(id);
  const partners = replayer.partners.of(id);
  const spoken = new Set(partners.map(({ address }) => address));
  const views = partnersView(partners, asked, directory);
  return {
    id,
    label: directory.label({ kind: 'device', id }),
    mac,
    vendor: vendorOf(mac),
    randomisedMac: isRandomised(mac),
    names: node.names,
    addresses: node.addresses.map(({ address }) => address),
    linkLocal: [...presence.linkLocal],
    firstSeen: iso(presence.first),
    lastSeen: iso(presence.last),
    frames: presence.frames,
    up: sum(views.map(({ up }) => up)),
    down: sum(views.map(({ down }) => down)),
    partners: views,
    asked: asked.map(({ addresses, ...name }) => ({ ...name, addresses: [...addresses] })),
    neverContacted: asked
      .filter(({ addresses }) => ![...addresses].some((address) => spoken.has(address)))
      .map(({ domain }) => domain),
  };
}

/** By what a person calls them: the name that the device itself had asked for, or another that has the address. */
function partnersView(
  partners: readonly Partner[],
  asked: readonly AskedName[],
  directory: Directory,
): PartnerView[] {
  const wanted = new Map<string, string>();
  for (const { domain, addresses } of asked) for (const address of addresses) wanted.set(address, domain);
  const labelOf = ({ address, node, isDevice, names }: Partner) => {
    if (address === OTHERS) return 'others';
    if (isDevice) return directory.label({ kind: 'device', id: node });
    return wanted.get(address) ?? [...names][0] ?? address;
  };
  return [...Map.groupBy(partners, labelOf)]
    .map(([label, same]) => {
      const services = same.flatMap((partner) => partner.services);
      return {
        label,
        isDevice: same.some(({ isDevice }) => isDevice),
        up: sum(services.map(({ up }) => up)),
        down: sum(services.map(({ down }) => down)),
        connections: services.reduce((count, { connections }) => count + connections, 0),
        addresses: same.map((partner) => ({
          address: partner.address,
          names: [...partner.names],
          services: partner.services.map(serviceView),
        })),
      };
    })
    .sort((x, y) => total(y) - total(x));
}

function serviceView({ protocol, ...rest }: ServiceTotal): ServiceView {
  return { protocol: protocolName(protocol), ...rest };
}

/** What has a limit, and met it. */
function droppedOf({ replayer, trial, cache }: Replayed): Record<string, number> {
  const all = {
    connections: replayer.tally.counters.dropped,
    partners: replayer.partners.folded,
    names: replayer.asked.dropped,
    stations: replayer.presences.dropped,
    policies: trial?.dropped ?? 0,
    devices: cache.counters.devices.evicted + cache.counters.devices.refused,
    remotes: cache.counters.remotes.evicted + cache.counters.remotes.refused,
  };
  return Object.fromEntries(Object.entries(all).filter(([, count]) => count > 0));
}

function total({ up, down }: { readonly up: Amount; readonly down: Amount }): number {
  return up.bytes + down.bytes;
}

function sum(amounts: readonly Amount[]): Amount {
  return amounts.reduce(
    (all, { packets, bytes }) => ({ packets: all.packets + packets, bytes: all.bytes + bytes }),
    { packets: 0, bytes: 0 },
  );
}

/** A capture may claim a time that no calendar has. */
function iso(at: number): string {
  return new Date(Math.min(Math.max(at, 0), 8.64e15)).toISOString();
}
