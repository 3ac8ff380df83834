import type { Clock } from '../../clock.ts';
import type { Log } from '../../log.ts';
import type { Service } from '../../service.ts';
import { type Exec, Supervised } from '../exec.ts';
import type { SourceHealth } from './facts.ts';
import { type FrameCounters, FrameStreams, readFrame } from './frame-facts.ts';
import { PcapReader } from './pcap.ts';
import type { Reading } from './seen.ts';

/** Who has an address (ARP, neighbour discovery), names (DNS, multicast DNS), leases (DHCP). */
const WANTED =
  'arp or udp port 53 or tcp src port 53 or udp port 67 or udp port 5353' +
  ' or (icmp6 and (ip6[40] == 135 or ip6[40] == 136))';
/**
 * The beginning of a TLS ClientHello, on whatever port: a record of a handshake, of it the first message. pcap-filter(7)
 * finds TCP itself over IPv4 alone; over IPv6 it is behind a header without extensions.
 */
const HELLO = `(${helloAt('tcp', 0)}) or (ip6[6] = 6 and ${helloAt('ip6', 40)})`;
function helloAt(base: string, tcp: number): string {
  const payload = `${tcp} + ((${base}[${tcp + 12}] & 0xf0) >> 2)`;
  return `${base}[${payload}:2] = 0x1603 and ${base}[${payload} + 5] = 1`;
}
/** Room for a DNS answer in a full Ethernet frame. */
const SNAPSHOT = 1_600;
/** Room for a ClientHello with a key share of today, which the network card may have put together of two frames. */
const HELLO_SNAPSHOT = 2_400;

/** tcpdump's expression. `vlan` moves the offsets of all that follows it, so it comes last (pcap-filter(7)). */
function filterOf(sni: boolean): string {
  const wanted = sni ? `${WANTED} or ${HELLO}` : WANTED;
  return `${wanted} or (vlan and (${wanted}))`;
}

export interface CaptureSourceOptions {
  exec: Exec;
  clock: Clock;
  log: Log;
  interface: string;
  /** Read the server names of TLS clients as well; default false. */
  sni?: boolean;
  onReading: (reading: Reading) => void;
}

/** One LAN interface's frames, by tcpdump. */
export class CaptureSource implements Service {
  readonly name: string;
  readonly interface: string;
  readonly #supervised: Supervised;
  readonly #counters: FrameCounters = { frames: 0, ignored: 0, answers: 0 };
  readonly #streams: FrameStreams;
  #dropped = 0;
  #lastError: string | undefined;

  constructor(options: CaptureSourceOptions) {
    const { exec, clock, log, interface: name, onReading, sni = false } = options;
    this.#streams = new FrameStreams({ sni });
    this.name = `capture ${name}`;
    this.interface = name;
    const reader = new PcapReader(({ bytes, linkType }) => {
      for (const reading of readFrame(bytes, linkType, name, this.#counters, this.#streams))
        onReading(reading);
    });
    const snapshot = `${sni ? HELLO_SNAPSHOT : SNAPSHOT}`;
    this.#supervised = new Supervised({
      exec,
      clock,
      log,
      name: 'tcpdump',
      argv: ['tcpdump', '-i', name, '--immediate-mode', '-U', '-s', snapshot, '-w', '-', filterOf(sni)],
      onData: (chunk) => {
        reader.push(chunk);
        this.#lastError = reader.broken;
      },
      onErrorLine: (line) => this.#complaint(line),
      onStart: () => reader.reset(),
    });
  }

  health(): SourceHealth {
    return {
      name: this.name,
      running: this.#supervised.pid !== undefined,
      restarts: this.#supervised.restarts,
      counters: { ...this.#counters, ...this.#streams.counters, dropped: this.#dropped },
      lastError: this.#lastError,
    };
  }

  start(signal: AbortSignal): Promise<void> {
    return this.#supervised.start(signal);
  }

  stop(): Promise<void> {
    return this.#supervised.stop();
  }

  /** tcpdump tells what it does on standard error as well, and its losses when it ends. */
  #complaint(line: string): void {
    const lost = /^(\d{1,15}) packets? dropped by kernel/.exec(line);
    if (lost !== null) this.#dropped += Number(lost[1]);
    else if (!/listening on|data link type|packets? (captured|received)|^\s*$/.test(line))
      this.#lastError = line;
  }
}
