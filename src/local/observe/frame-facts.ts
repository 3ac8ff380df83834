import type { Mac } from '../../policy/block-set.ts';
import { HelloStreams } from './client-hello.ts';
import { parseDhcp } from './dhcp.ts';
import { parseDnsAnswer, parseMdnsRecords } from './dns.ts';
import { DnsStreams } from './dns-streams.ts';
import { cleanHostName } from './facts.ts';
import { parseFrame, type TcpFrame, type UdpFrame } from './frame.ts';
import type { Reading, Seen } from './seen.ts';

export interface FrameCounters {
  frames: number;
  /** Frames and messages that say nothing to us, or are malformed; the reasons are in the parsers. */
  ignored: number;
  answers: number;
}

/** What is between the frames of one capture: messages that come in several segments. */
export class FrameStreams {
  readonly dns = new DnsStreams();
  /** Undefined: the names in TLS are not read. */
  readonly hellos: HelloStreams | undefined;

  constructor(options: { sni: boolean }) {
    this.hellos = options.sni ? new HelloStreams() : undefined;
  }

  /** Streams that were given up, and those that gave way to others. */
  get counters(): { gaps: number; evicted: number } {
    const [dns, hellos] = [this.dns.counters, this.hellos?.counters];
    return { gaps: dns.gaps + (hellos?.gaps ?? 0), evicted: dns.evicted + (hellos?.evicted ?? 0) };
  }
}

const DNS = 53;
const MDNS = 5353;
const DHCP_SERVER = 67;
const NO_ADDRESSES: ReadonlySet<string> = new Set(['0.0.0.0', '::']);

/**
 * What a captured frame tells: whose address is whose, what a name stands for, what a device calls itself. Without the
 * streams of its capture a message over TCP is read when it is in one segment, and no name of TLS.
 */
export function readFrame(
  bytes: Uint8Array,
  linkType: number,
  name: string,
  counters: FrameCounters,
  streams: FrameStreams = new FrameStreams({ sni: false }),
): Reading[] {
  counters.frames += 1;
  const frame = parseFrame(bytes, linkType);
  let readings: Reading[] = [];
  if (typeof frame !== 'string') {
    const seen = (mac: Mac | undefined, address: string, routed: boolean): Seen[] =>
      mac === undefined || NO_ADDRESSES.has(address)
        ? []
        : [
            {
              kind: 'seen',
              interface: name,
              vlan: frame.vlan,
              address,
              mac,
              present: true,
              fresh: true,
              routed,
            },
          ];
    if (frame.kind === 'arp') readings = seen(frame.sender, frame.senderAddress, false);
    else if (frame.kind === 'nd') readings = seen(frame.source, frame.address, false);
    else if (frame.kind === 'udp' && (frame.sport === DHCP_SERVER || frame.dport === DHCP_SERVER)) {
      const message = parseDhcp(frame.payload);
      if (message?.kind === 'ack') readings = seen(message.mac, message.address, false);
      else if (message?.kind === 'name') {
        readings = [{ kind: 'hostName', mac: message.mac, name: message.name, source: 'dhcp' }];
      }
    } else if (frame.sport === MDNS) readings = [...seen(frame.source, frame.src, true), ...mdnsName(frame)];
    else if (frame.sport === DNS) readings = answers(frame, counters, streams.dns);
    else if (frame.dport === DNS) readings = seen(frame.source, frame.src, true);
    else if (frame.kind === 'tcp') readings = serverName(frame, counters, streams);
  }
  if (readings.length === 0) counters.ignored += 1;
  return readings;
}

function answers(frame: UdpFrame | TcpFrame, counters: FrameCounters, streams: DnsStreams): Reading[] {
  const messages = frame.kind === 'tcp' ? streams.take(frame) : [frame.payload];
  const readings: Reading[] = [];
  for (const message of messages) {
    const answer = parseDnsAnswer(message);
    if (typeof answer === 'string') continue;
    counters.answers += 1;
    readings.push({ kind: 'answer', client: frame.dst, ...answer });
  }
  return readings;
}

/** The name that a client gives to the server it connects to. */
function serverName(frame: TcpFrame, counters: FrameCounters, { hellos }: FrameStreams): Reading[] {
  const domain = hellos?.take(frame);
  if (domain === undefined) return [];
  counters.answers += 1;
  const { src, dst } = frame;
  return [{ kind: 'answer', source: 'sni', client: src, domain, chain: [], addresses: [dst], ttlS: 0 }];
}

/** The name for which a device announces its own address. */
function mdnsName(frame: UdpFrame | TcpFrame): Reading[] {
  if (frame.source === undefined) return [];
  for (const { owner, address } of parseMdnsRecords(frame.payload)) {
    if (address !== frame.src || !owner.endsWith('.local')) continue;
    const name = cleanHostName(Buffer.from(owner, 'latin1').toString('utf8'));
    if (name !== undefined) return [{ kind: 'hostName', mac: frame.source, name, source: 'mdns' }];
  }
  return [];
}
