/**
 * A router behind a gateway, run on a host of a test: `port-mapping-client.ts JSON` (a {@link MappingTask}). Says `inside` to who
 * connects to its port; prints a line of JSON whenever its view of the mapping changes, and one when it has given it back
 * at the end of its input.
 */
import { createServer } from 'node:net';
import { systemClock } from '../../src/clock.ts';
import { silentLog } from '../../src/log.ts';
import { allMethods } from '../../src/p2p/port-mapping/methods.ts';
import { PortMapping, type PortMappingView } from '../../src/p2p/port-mapping/port-mapping.ts';

export interface MappingTask {
  readonly gateways: readonly string[];
  readonly port: number;
  /** Names of the protocols to use. */
  readonly by: readonly string[];
  readonly leaseMs: number;
}

export type MappingLine =
  | (PortMappingView & { readonly told: string | undefined; readonly at: number })
  | { readonly stopped: number };

const task = JSON.parse(process.argv[2] ?? '') as MappingTask;
const say = (line: MappingLine) => console.log(JSON.stringify(line));
createServer((socket) => socket.on('error', () => socket.destroy()).end('inside')).listen(
  task.port,
  '0.0.0.0',
);
let told: string | undefined;
const mapping = new PortMapping({
  enabled: true,
  leaseMs: task.leaseMs,
  gateways: () => task.gateways,
  listening: () => [`/ip4/0.0.0.0/tcp/${task.port}`],
  onExternal: (address) => {
    told = address;
  },
  clock: systemClock,
  log: silentLog,
  retryMs: { least: 100, most: 300 },
  methods: allMethods(systemClock).filter(({ name }) => task.by.includes(name)),
});
await mapping.start(new AbortController().signal);
let before = '';
const looking = setInterval(() => {
  const view = { ...mapping.view(), told };
  const now = JSON.stringify({ ...view, leaseUntilMs: Math.round((view.leaseUntilMs ?? 0) / 200) });
  if (now !== before) say({ ...view, at: Date.now() });
  before = now;
}, 20);
process.stdin.resume();
await new Promise((resolve) => process.stdin.once('end', resolve));
clearInterval(looking);
const began = performance.now();
await mapping.stop();
say({ stopped: Math.round(performance.now() - began) });
process.exit(0);
