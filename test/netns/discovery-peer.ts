/**
 * One router's discovery, run on a host of a test: `discovery-peer.ts JSON` (a {@link DiscoveryTask}). Prints a line of JSON for
 * everything found, and at the end of its input, after its goodbye, what it counted.
 */
import { systemClock } from '../../src/clock.ts';
import { silentLog } from '../../src/log.ts';
import { interfacesNamed } from '../../src/p2p/discovery/interface-addresses.ts';
import { Mdns } from '../../src/p2p/discovery/mdns.ts';

export interface DiscoveryTask {
  /** Hex. */
  readonly self: string;
  readonly psk: string;
  readonly interfaces: readonly string[];
}

export type DiscoveryLine =
  | { readonly found: string; readonly addresses: readonly string[]; readonly ms: number }
  | { readonly stats: Readonly<Record<string, number>>; readonly problems: readonly string[] };

const task = JSON.parse(process.argv[2] ?? '') as DiscoveryTask;
const began = performance.now();
const say = (line: DiscoveryLine) => console.log(JSON.stringify(line));
const mdns = new Mdns({
  self: task.self,
  psk: Buffer.from(task.psk, 'hex'),
  interfaces: () => interfacesNamed(task.interfaces),
  listening: () => ['/ip4/0.0.0.0/tcp/4411', '/ip6/::/tcp/4411'],
  onFound: (found, addresses) => say({ found, addresses, ms: Math.round(performance.now() - began) }),
  clock: systemClock,
  log: silentLog,
});
await mdns.start(new AbortController().signal);
process.stdin.resume();
await new Promise((resolve) => process.stdin.once('end', resolve));
const problems = mdns.problems();
await mdns.stop();
say({ stats: mdns.stats(), problems });
process.exit(0);
