import { uptime } from 'node:os';
import { type Absence, openAbsence } from './absence.ts';
import type { Config } from './config-schema.ts';
import type { Discovery, PortMapped, Tolerances } from './control/parts.ts';
import { readTolerances, ToleranceBook } from './control/tolerance-book.ts';
import type { Interfaces } from './local/observe/interfaces.ts';
import { interfacesNamed, isInside } from './p2p/discovery/interface-addresses.ts';
import { Mdns } from './p2p/discovery/mdns.ts';
import { Network } from './p2p/network.ts';
import type { NetworkOptions } from './p2p/network-options.ts';
import { PortMapping } from './p2p/port-mapping/port-mapping.ts';
import { ProvenAddresses } from './p2p/proven-addresses.ts';
import type { Registers } from './policy/registers.ts';
import type { Replica } from './policy/replica.ts';
import type { Service } from './service.ts';
import type { HomeFile } from './store/home-file.ts';
import type { Store } from './store/store.ts';

/** What the overlay takes from the agent as it is; the rest follows from the configuration, the home and the store. */
type Given =
  | 'key'
  | 'clock'
  | 'log'
  | 'onBatch'
  | 'presence'
  | 'door'
  | 'answer'
  | 'enforcement'
  | 'listeners';

export interface OthersOptions extends Pick<NetworkOptions, Given> {
  readonly config: Config['p2p'];
  readonly home: HomeFile;
  readonly replica: Replica;
  readonly registers: Registers;
  readonly store: Store;
  readonly clockTrusted: () => boolean;
  readonly interfaces: () => Interfaces;
  /** Where this router can be dialled has changed. */
  readonly onListens: () => void;
  /** Where members are reached has changed. */
  readonly onMoved: () => void;
}

/** The other routers of the home: the overlay, and what finds them and waits for them. */
export interface Others {
  readonly network: Network;
  /** Where this router can be dialled, as multiaddrs. */
  readonly listens: () => readonly string[];
  /** Where members are, or were a while ago, as authenticated connections have proven. */
  readonly memberAddresses: () => readonly string[];
  readonly parts: {
    readonly tolerances: Tolerances;
    readonly discovery: Discovery | undefined;
    readonly portMapping: () => PortMapped;
    readonly absent: Absence['absent'];
    readonly lastHeard: Absence['lastHeard'];
  };
  readonly services: readonly Service[];
}

/** Under this name the store keeps how long this router waits for some others. */
const TOLERANCES = 'tolerances';
/** Under this one, where members were reached. */
const PROVEN = 'proven addresses';

export function openOthers(options: OthersOptions): Others {
  const { config, home, replica, store, clock, log, key, interfaces } = options;
  const { toleranceSeconds, links } = config;
  const psk = Buffer.from(home.psk, 'hex');
  const kept = (name: string) => Buffer.from(store.note(name) ?? []).toString();
  const proven = new ProvenAddresses({
    clock,
    load: () => kept(PROVEN),
    save: (text) => store.putNote(PROVEN, Buffer.from(text)),
  });
  const network: Network = new Network({
    ...options,
    onMoved: () => {
      if (proven.look(network.peers())) options.onMoved();
    },
    psk,
    sponsors: home.sponsors,
    listen: config.listen,
    announce: config.announce,
    bootstrap: config.bootstrap,
    remembered: home.bootstrap,
    ...(toleranceSeconds === undefined ? {} : { toleranceMs: toleranceSeconds * 1000 }),
    tolerances: new Map(readTolerances(kept(TOLERANCES))),
    keepDownMs: config.keepDownMinutes * 60_000,
    boot: () => uptime() * 1000,
    links: {
      fullMesh: links.fullMesh,
      target: links.target,
      maxIdleMs: links.maxIdleMinutes && links.maxIdleMinutes * 60_000,
      maxAgeMs: links.maxAgeHours && links.maxAgeHours * 3_600_000,
    },
    absent: (peer) => absence.absent(peer),
    addressesOf: (peer) => options.registers.card(peer)?.listens ?? [],
  });
  const absence = openAbsence({ ...options, network, absentDays: config.absentDays });
  const mdns = config.mdns
    ? new Mdns({
        self: key.peer,
        psk,
        interfaces: () => [
          ...interfacesNamed(interfaces().lan.map(({ name }) => name)),
          ...interfacesNamed(interfaces().wan).filter(isInside),
        ],
        listening: () => network.addresses(),
        onFound: (peer, addresses) => network.found(peer, addresses),
        clock,
        log,
      })
    : undefined;
  let external: string | undefined;
  const mapping = new PortMapping({
    enabled: config.portMapping.enabled,
    leaseMs: config.portMapping.leaseMinutes * 60_000,
    gateways: () => [...interfaces().nextHops],
    listening: () => network.addresses(),
    onExternal: (address) => {
      external = address;
      options.onListens();
    },
    clock,
    log,
  });
  const tolerances = new ToleranceBook({
    load: () => kept(TOLERANCES),
    save: (text) => store.putNote(TOLERANCES, Buffer.from(text)),
    apply: (peer, ms) => network.setTolerance(peer, ms),
    isMember: (peer) => replica.isMember(peer),
    log,
  });
  return {
    network,
    listens: () => [...network.addresses(), ...(external === undefined ? [] : [external])],
    memberAddresses: () => {
      proven.look(network.peers());
      return proven.addresses();
    },
    parts: {
      tolerances,
      discovery: mdns,
      portMapping: () => mapping.view(),
      absent: absence.absent,
      lastHeard: absence.lastHeard,
    },
    services: [network, absence.service, ...(mdns === undefined ? [] : [mdns]), mapping],
  };
}
