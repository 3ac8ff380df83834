import type { Mac } from '../../policy/block-set.ts';
import { parseDhcp } from './dhcp.ts';
import { parseDnsAnswer, parseMdnsRecords, tcpMessages } from './dns.ts';
import { cleanHostName } from './facts.ts';
import { type DatagramFrame, parseFrame } from './frame.ts';
import type { Reading, Seen } from './seen.ts';

export interface FrameCounters {
  frames: number;
  /** Frames and messages that say nothing to us, or are malformed; the reasons are in the parsers. */
  ignored: number;
  answers: number;
}

const DNS = 53;
const MDNS = 5353;
const DHCP_SERVER = 67;
const NO_ADDRESSES: ReadonlySet<string> = new Set(['0.0.0.0', '::']);

/** What a captured frame tells: whose address is whose, what a name stands for, what a device calls itself. */
export function readFrame(
  bytes: Uint8Array,
  linkType: number,
  name: string,
  counters: FrameCounters,
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
    else if (frame.sport === DNS) readings = answers(frame, counters);
    else if (frame.dport === DNS) readings = seen(frame.source, frame.src, true);
  }
  if (readings.length === 0) counters.ignored += 1;
  return readings;
}

function answers(frame: DatagramFrame, counters: FrameCounters): Reading[] {
  const messages = frame.kind === 'tcp' ? tcpMessages(frame.payload) : [frame.payload];
  const readings: Reading[] = [];
  for (const message of messages) {
    const answer = parseDnsAnswer(message);
    if (typeof answer === 'string') continue;
    counters.answers += 1;
    readings.push({ kind: 'answer', client: frame.dst, ...answer });
  }
  return readings;
}

/** The name for which a device announces its own address. */
function mdnsName(frame: DatagramFrame): Reading[] {
  if (frame.source === undefined) return [];
  for (const { owner, address } of parseMdnsRecords(frame.payload)) {
    if (address !== frame.src || !owner.endsWith('.local')) continue;
    const name = cleanHostName(Buffer.from(owner, 'latin1').toString('utf8'));
    if (name !== undefined) return [{ kind: 'hostName', mac: frame.source, name, source: 'mdns' }];
  }
  return [];
}
