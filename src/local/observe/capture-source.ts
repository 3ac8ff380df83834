import type { Clock } from '../../clock.ts';
import type { Log } from '../../log.ts';
import type { Service } from '../../service.ts';
import { type Exec, Supervised } from '../exec.ts';
import type { SourceHealth } from './facts.ts';
import { type FrameCounters, readFrame } from './frame-facts.ts';
import { PcapReader } from './pcap.ts';
import type { Reading } from './seen.ts';

/** Who has an address (ARP, neighbour discovery), names (DNS, multicast DNS), leases (DHCP). */
const WANTED =
  'arp or udp port 53 or tcp src port 53 or udp port 67 or udp port 5353' +
  ' or (icmp6 and (ip6[40] == 135 or ip6[40] == 136))';
/** `vlan` moves the offsets of all that follows it, so it comes last (pcap-filter(7)). */
const FILTER = `${WANTED} or (vlan and (${WANTED}))`;
/** Room for a DNS answer in a full Ethernet frame. */
const SNAPSHOT = '1600';

export interface CaptureSourceOptions {
  exec: Exec;
  clock: Clock;
  log: Log;
  interface: string;
  onReading: (reading: Reading) => void;
}

/** One LAN interface's frames, by tcpdump. */
export class CaptureSource implements Service {
  readonly name: string;
  readonly interface: string;
  readonly #supervised: Supervised;
  readonly #counters: FrameCounters = { frames: 0, ignored: 0, answers: 0 };
  #dropped = 0;
  #lastError: string | undefined;

  constructor(options: CaptureSourceOptions) {
    const { exec, clock, log, interface: name, onReading } = options;
    this.name = `capture ${name}`;
    this.interface = name;
    const reader = new PcapReader(({ bytes, linkType }) => {
      for (const reading of readFrame(bytes, linkType, name, this.#counters)) onReading(reading);
    });
    this.#supervised = new Supervised({
      exec,
      clock,
      log,
      name: 'tcpdump',
      argv: ['tcpdump', '-i', name, '--immediate-mode', '-U', '-s', SNAPSHOT, '-w', '-', FILTER],
      onData: (chunk) => {
        reader.push(chunk);
        if (reader.broken !== undefined) this.#lastError = reader.broken;
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
      counters: { ...this.#counters, dropped: this.#dropped },
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
