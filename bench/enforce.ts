/** What a change takes until the kernel has it, and what else enforcement takes, with each backend. */
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { LabError } from '../lab/error.ts';
import { type House, raise } from '../lab/house-api.ts';
import { paths } from '../lab/paths.ts';
import { makeTopology } from '../lab/topology.ts';
import type { Bench, Context } from './bench.ts';
import { type EnforceAgent, throughAgent } from './enforce-agent.ts';
import type { EnforceMemory } from './enforce-memory.ts';
import { report } from './enforce-report.ts';
import type { EnforceRun } from './enforce-run.ts';
import { place, remoteAddresses } from './enforce-sets.ts';
import { flooding } from './forwarding-rate.ts';
import { execOn, type Kind } from './forwarding-rules.ts';

const [ROUTER, DEVICE, LAN] = ['attic', 'tv', 1] as const;
const KINDS: readonly Kind[] = ['ipset', 'nftables'];
const LIMIT_MS = 300_000;

type Options = Readonly<Record<'pairs' | 'changes' | 'runs' | 'memory' | 'devices' | 'commands', number>>;

export const enforce: Bench<keyof Options> = {
  name: 'enforce',
  describe: 'changes, resync, restore, counters and kernel memory of both backends',
  options: {
    pairs: { describe: 'pairs that stand in the kernel, each of four and four addresses', default: 5_000 },
    changes: { describe: 'additions and removals of each kind', default: 300 },
    runs: { describe: 'of resync, restore, counters and the like, each', default: 7 },
    memory: { describe: 'pairs whose memory is told', default: 10_000 },
    devices: { describe: 'devices that are blocked for the first time through an agent', default: 20 },
    commands: { describe: 'blocks and unblocks through an agent', default: 100 },
  },
  quick: { pairs: 500, changes: 30, runs: 2, memory: 1_000, devices: 3, commands: 10 },
  async run(options, context) {
    const [runs, memory]: [EnforceRun[], EnforceMemory[]] = [[], []];
    for (const kind of KINDS) {
      const house = await raise(makeTopology(1, { agents: false }), {
        name: `bench-enforce-${process.pid}`,
        signal: context.signal,
      });
      try {
        runs.push(await backendRun(house, kind, options, context));
        context.tell(`${kind}: ${options.pairs} pairs`);
        const argv = [kind, options.memory, Math.ceil(options.runs / 2), LAN].map(String);
        memory.push(
          JSON.parse(await house.must(ROUTER, [...program('memory'), ...argv], { timeoutMs: LIMIT_MS })),
        );
        context.tell(`${kind}: memory of ${options.memory} pairs`);
      } finally {
        await house.down();
      }
    }
    const agents: EnforceAgent[] = [];
    const through = { changes: options.commands, devices: options.devices };
    for (const backend of ['ipset', 'nftables'] as const)
      agents.push(await throughAgent(backend, through, context));
    return report(runs, memory, agents);
  },
};

const program = (name: string) => [paths.node, join(import.meta.dirname, `enforce-${name}.ts`)];

/** The backend by itself, in a process on the router; whatever it wants dropped is sent from here. */
async function backendRun(
  house: House,
  kind: Kind,
  { pairs, changes, runs }: Options,
  { signal }: Context,
): Promise<EnforceRun> {
  const argv = [...program('run'), kind, ...[pairs, changes, runs, LAN].map(String)];
  const child = execOn(house, ROUTER).open(argv, AbortSignal.any([signal, AbortSignal.timeout(LIMIT_MS)]));
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-4000);
  });
  let found: EnforceRun | undefined;
  const lines = createInterface({ input: child.stdout });
  lines.on('line', (line) => {
    if (!line.startsWith('drop ')) found = JSON.parse(line) as EnforceRun;
    else
      void drops(house, Number(line.slice(5))).then(
        () => child.stdin.write('\n'),
        () => child.kill(),
      );
  });
  await once(lines, 'close');
  const { why } = await child.exited;
  signal.throwIfAborted();
  if (found === undefined) throw new LabError(`${kind}: ${why}\n${said}`);
  return found;
}

/** A packet of each of so many devices to a remote that is blocked for it. */
async function drops(house: House, devices: number): Promise<void> {
  if (devices === 0) return;
  const gateway = (await house.must(ROUTER, ['cat', '/sys/class/net/br-lan/address'])).trim();
  const packets: string[] = [];
  let options: readonly string[] = [];
  for (let n = 0; n < devices; n++) {
    const { mac, ipv4 } = place(LAN, n);
    const [name = '', packet = '', ...rest] = flooding({
      ...{ gateway, mac, sport: '4000' },
      ...{ from: ipv4, to: remoteAddresses(n, 0)[0] },
    });
    packets.push(packet);
    options = [name, ...rest];
  }
  const [name = '', ...rest] = options;
  const packet = packets.join('\n');
  await house.must(DEVICE, [name, packet, ...rest, '-n', `${devices}`]);
}
