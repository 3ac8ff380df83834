/**
 * The traffic of the demo: steady streams from devices to servers, each with source ports of its own, by which net counts
 * it (interface counters would include neighbour discovery, and NAT hides the device).
 */
import { isIPv6 } from 'node:net';
import type { House } from './house-api.ts';
import { paths } from './paths.ts';
import type { Running } from './run.ts';

export type Kind = 'udp' | 'tcp' | 'icmp';

export interface Stream {
  /** As in the counters: tv_ads_udp4. */
  readonly name: string;
  readonly device: string;
  readonly domain: string;
  readonly address: string;
  readonly kind: Kind;
  /** The first of its {@link PORTS}. */
  readonly sourcePort: number;
}

/** Datagrams a second of one udp stream. */
const RATE = 100;
/** Bytes a second of one download. */
const DOWNLOAD = 50_000;
const SECONDS = 3600;
/**
 * Where a connection was cut the router's kernel forgets it, and what the server still sends is refused by the router itself: that
 * reset comes from nobody behind it.
 */
export const NOT_RESET = 'tcp flags & rst == 0';
const FIRST_PORT = 40_000;
/** Source ports of one stream: a download that is started anew finds those of its last connections taken for a while. */
const PORTS = 100;

export class Traffic {
  readonly streams: readonly Stream[];
  readonly #house: House;
  readonly #running = new Map<string, readonly Running[]>();

  /** @param wanted who talks to which name, and how; every kind runs over IPv4 and IPv6 */
  constructor(house: House, wanted: readonly { device: string; domain: string; kinds: readonly Kind[] }[]) {
    this.#house = house;
    const { zone } = house.topology;
    this.streams = wanted
      .flatMap(({ device, domain, kinds }) =>
        kinds.flatMap((kind) => (zone[domain] ?? []).map((address) => ({ device, domain, kind, address }))),
      )
      .map((stream, i) => ({ ...stream, name: nameOf(stream), sourcePort: FIRST_PORT + i * PORTS }));
  }

  /** Has net count every stream. Once. */
  async count(): Promise<void> {
    for (const stream of this.streams) await this.#house.count(stream.name, match(stream));
  }

  /** Starts a device's streams; each name is looked up by the device first, as any program would. */
  async start(device: string): Promise<void> {
    const own = this.streams.filter((stream) => stream.device === device);
    for (const domain of new Set(own.map((stream) => stream.domain))) {
      await this.#house.exec(device, ['getent', 'ahosts', domain]);
    }
    const datagrams = own
      .filter(({ kind }) => kind === 'udp')
      .map(({ address, sourcePort }) => `${address},7,${sourcePort}`);
    const commands = [
      ...(datagrams.length > 0 ? [[paths.node, paths.datagrams, `${RATE}`, `${SECONDS}`, ...datagrams]] : []),
      ...own.filter(({ kind }) => kind === 'tcp').map(download),
      ...own.filter(({ kind }) => kind === 'icmp').map(ping),
    ];
    this.#running.set(
      device,
      commands.map((argv) => this.#house.spawn(device, argv)),
    );
  }

  /** Stops a device's streams. */
  async stop(device: string): Promise<void> {
    const running = this.#running.get(device) ?? [];
    this.#running.delete(device);
    await Promise.all(running.map((one) => one.stop()));
  }

  /** Stops and starts a device's streams. */
  async restart(device: string): Promise<void> {
    await this.stop(device);
    await this.start(device);
  }

  /** The devices that have streams. */
  get devices(): ReadonlySet<string> {
    return new Set(this.streams.map(({ device }) => device));
  }

  /** Packets of each stream that have arrived at net, by its name. */
  async arrived(): Promise<Record<string, number>> {
    const counts = await this.#house.counts();
    return Object.fromEntries(this.streams.map(({ name }) => [name, counts[name] ?? 0]));
  }

  /** The names of the streams between a device and a domain. */
  between(device: string, domain: string): string[] {
    return this.streams
      .filter((stream) => stream.device === device && stream.domain === domain)
      .map(({ name }) => name);
  }
}

function nameOf({ device, domain, kind, address }: Pick<Stream, 'device' | 'domain' | 'kind' | 'address'>) {
  return `${device}_${domain.split('.')[0]}_${kind}${isIPv6(address) ? 6 : 4}`;
}

function match({ kind, address, sourcePort }: Stream): string {
  const ip = isIPv6(address) ? 'ip6' : 'ip';
  if (kind !== 'icmp') {
    const ports = `${ip} daddr ${address} ${kind} sport ${sourcePort}-${sourcePort + PORTS - 1}`;
    return kind === 'tcp' ? `${ports} ${NOT_RESET}` : ports;
  }
  return `${ip} daddr ${address} ${isIPv6(address) ? 'icmpv6' : 'icmp'} type echo-request`;
}

/** Tries anew every second when it is refused or cut before it began. */
const download = ({ address, sourcePort, domain }: Stream) => [
  ...[
    'curl',
    '--silent',
    '--output',
    '/dev/null',
    '--local-port',
    `${sourcePort}-${sourcePort + PORTS - 1}`,
    '--max-time',
    `${SECONDS}`,
  ],
  ...['--connect-timeout', '2', '--retry', `${SECONDS}`, '--retry-delay', '1', '--retry-all-errors'],
  ...[
    '--connect-to',
    `::${isIPv6(address) ? `[${address}]` : address}:80`,
    `http://${domain}/stream?rate=${DOWNLOAD}`,
  ],
];

const ping = ({ address }: Stream) => ['ping', '-q', '-i', '0.2', '-w', `${SECONDS}`, address];
