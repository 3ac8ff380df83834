import { type Clock, repeat } from '../../clock.ts';
import { messageOf, UnavailableError } from '../../errors.ts';
import { canonicalMac } from '../../policy/address.ts';
import type { Service } from '../../service.ts';
import type { Exec } from '../exec.ts';
import { cleanHostName, type HostNameFact, ownText, type SourceHealth } from './facts.ts';

const MAX_BYTES = 1024 * 1024;
const MAX_LEASES = 8_192;

/**
 * The host names in dnsmasq's lease file (dnsmasq(8): expiry, MAC, address, name, client id). Leases of IPv6 carry no
 * MAC and are passed over, like everything that is not a lease.
 */
export function parseLeases(text: string): HostNameFact[] {
  const facts: HostNameFact[] = [];
  for (const line of text.split('\n', MAX_LEASES)) {
    const [expiry = '', hardware = '', , label = ''] = line.split(' ', 5);
    const mac = canonicalMac(hardware);
    const name = cleanHostName(label);
    if (!/^\d+$/.test(expiry) || mac === undefined || name === undefined) continue;
    facts.push({ kind: 'hostName', mac: ownText(mac), name, source: 'lease' });
  }
  return facts;
}

export interface LeaseSourceOptions {
  exec: Exec;
  clock: Clock;
  path: string;
  /** Default 10 s. */
  everyMs?: number;
  onFact: (fact: HostNameFact) => void;
}

/** Reads the lease file again and again; what has not changed is told again, which the reader does not mind. */
export class LeaseSource implements Service {
  readonly name = 'leases';
  readonly #options: LeaseSourceOptions;
  readonly #counters = { leases: 0, failures: 0 };
  #lastError: string | undefined;
  #stopper: AbortController | undefined;
  #running: Promise<void> | undefined;

  constructor(options: LeaseSourceOptions) {
    this.#options = options;
  }

  health(): SourceHealth {
    return {
      name: this.name,
      running: this.#lastError === undefined,
      restarts: 0,
      counters: { ...this.#counters },
      lastError: this.#lastError,
    };
  }

  async start(signal: AbortSignal): Promise<void> {
    this.#stopper = new AbortController();
    this.#running = repeat((inner) => this.#read(inner), {
      clock: this.#options.clock,
      signal: AbortSignal.any([signal, this.#stopper.signal]),
      everyMs: this.#options.everyMs ?? 10_000,
      maxMs: 60_000,
      onFailure: (error) => {
        this.#counters.failures += 1;
        this.#lastError = messageOf(error);
      },
    });
  }

  async stop(): Promise<void> {
    this.#stopper?.abort();
    await this.#running;
  }

  async #read(signal: AbortSignal): Promise<void> {
    const { exec, path, onFact } = this.#options;
    const argv = ['head', '-c', `${MAX_BYTES}`, '--', path];
    const { code, stdout, stderr } = await exec.run(argv, { timeoutMs: 5_000, signal });
    // A router that gives out no leases has no such file: no names from there, and nothing wrong.
    const missing = code !== 0 && stderr.includes('No such file');
    if (code !== 0 && !missing)
      throw new UnavailableError(`cannot read the leases: ${stderr.trim().slice(0, 200)}`);
    this.#lastError = undefined;
    const facts = parseLeases(stdout);
    this.#counters.leases = facts.length;
    for (const fact of facts) onFact(fact);
  }
}
