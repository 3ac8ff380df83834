/** How long `hedgerow status` takes, from the start of its process to its end, and how much of the processor. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import * as z from 'zod';
import { paths } from '../lab/paths.ts';
import { ControlServer } from '../src/control/server.ts';
import { silentLog } from '../src/log.ts';
import type { Bench } from './bench.ts';
import { atMost, cells, FIGURE_COLUMNS, figure, round } from './figures.ts';

const execute = promisify(execFile);

/** What an agent answers that is well; the time that it takes to find out is measured elsewhere. */
const STATUS = {
  router: 'attic',
  peer: 'ab'.repeat(32),
  home: { id: 'cd'.repeat(16), name: 'Home' },
  uptimeSeconds: 3_600,
  readyMs: 500,
  rssMb: 80,
  policies: 12,
  routers: { members: 3, alive: 3, inStep: 3 },
  enforcement: { enforcing: true, backend: 'ipset', detail: 'ipset, iptables-nft' },
  observation: { lan: ['br-lan'], trackedByRule: [] },
  devices: 30,
  flows: 400,
  clock: { trusted: true, why: 'synchronised' },
  changesRefused: 0,
  problems: [],
};

/** `--max-semi-space-size=1` stands in the first line of the program. */
const PROGRAM = [paths.node, '--max-semi-space-size=1', paths.hedgerow];
const COMMANDS: Readonly<Record<string, readonly string[]>> = {
  'node -e 0': [paths.node, '-e', '0'],
  'hedgerow status': [...PROGRAM, 'status'],
  'hedgerow status --json': [...PROGRAM, 'status', '--json'],
  'hedgerow block --help': [...PROGRAM, 'block', '--help'],
  'hedgerow --help': [...PROGRAM, '--help'],
};

export const status: Bench<'runs'> = {
  name: 'status',
  describe: 'whole processes of the command line against an agent that answers at once',
  options: { runs: { describe: 'runs of each command', default: 40 } },
  async run({ runs }, { tell, signal }) {
    const folder = mkdtempSync(join(tmpdir(), 'hedgerow-bench-status-'));
    const socket = join(folder, 'sock');
    writeFileSync(join(folder, 'config.yaml'), `control: {socket: ${socket}}\n`);
    const methods = new Map([['status', { params: z.any(), run: async () => STATUS }]]);
    const server = new ControlServer({ path: socket, methods, log: silentLog });
    await server.start(signal);
    const env = {
      ...process.env,
      HEDGEROW_CONFIG: join(folder, 'config.yaml'),
      NODE_COMPILE_CACHE: join(folder, 'cache'),
    };
    try {
      // The first run fills the cache of compiled code.
      const cold = await timed(COMMANDS['hedgerow status'] ?? [], env, signal);
      for (const command of Object.values(COMMANDS)) await timed(command, env, signal);
      const took: Record<string, Took[]> = {};
      // In turns, so that what else the machine does hits all alike.
      for (let n = 0; n < runs; n++) {
        for (const [name, command] of Object.entries(COMMANDS))
          took[name] = [...(took[name] ?? []), await timed(command, env, signal)];
        if (n % 10 === 9) tell(`${n + 1} of ${runs} turns`);
      }
      const wall = Object.entries(took).map(
        ([name, all]) => [name, figure(all.map(({ wallMs }) => wallMs))] as const,
      );
      const cpu = Object.entries(took).map(
        ([name, all]) => [name, figure(all.map(({ cpuMs }) => cpuMs))] as const,
      );
      const ours = figure((took['hedgerow status'] ?? []).map(({ wallMs }) => wallMs)).p50;
      return {
        figures: { cold, wall: Object.fromEntries(wall), cpu: Object.fromEntries(cpu) },
        tables: [
          {
            title: 'from start to end, ms',
            columns: ['command', ...FIGURE_COLUMNS],
            rows: wall.map(([name, all]) => [name, ...cells(all)]),
          },
          {
            title: 'processor (user and system), ms',
            columns: ['command', ...FIGURE_COLUMNS],
            rows: cpu.map(([name, all]) => [name, ...cells(all)]),
          },
          {
            title: 'the first time, without cached code, ms',
            columns: ['command', 'wall', 'processor'],
            rows: [['hedgerow status', round(cold.wallMs), round(cold.cpuMs)]],
          },
        ],
        targets: [atMost('hedgerow status, p50', ours, 200, 'ms')],
      };
    } finally {
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

interface Took {
  readonly wallMs: number;
  readonly cpuMs: number;
}

/** The shell that waits for a command knows what it took (bash(1), TIMEFORMAT), itself not included. */
async function timed(command: readonly string[], env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<Took> {
  const script = 'TIMEFORMAT="%3R %3U %3S"; time "$@" >/dev/null';
  const { stderr } = await execute('bash', ['-c', script, 'bash', ...command], {
    env,
    signal,
    timeout: 30_000,
  });
  const [wall = 0, user = 0, system = 0] = (stderr.trim().split('\n').at(-1) ?? '').split(' ').map(Number);
  return { wallMs: wall * 1000, cpuMs: (user + system) * 1000 };
}
