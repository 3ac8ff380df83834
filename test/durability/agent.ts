import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { paths } from '../../lab/paths.ts';
import { until } from '../../lab/wait.ts';
import { openControl } from '../../src/control/client.ts';

/** The part of the status that these tests look at. */
export interface Status {
  readonly peer: string;
  readonly digest: string;
  readonly ops: number;
  readonly policies: number;
  readonly readyMs: number;
  readonly routers: { readonly members: number; readonly alive: number; readonly inStep: number };
  readonly problems: readonly string[];
}

export interface Policy {
  readonly id: string;
  readonly a: { readonly label: string };
  readonly b: { readonly label: string };
}

/** How a process ended. */
export interface Ending {
  readonly code: number | null;
  readonly stderr: string;
}

const NODE_FLAGS = '--max-semi-space-size=1';
const READY_MS = 30_000;
const CALL_MS = 15_000;
/** The end of what a process said is kept, characters. */
const KEPT = 20_000;

/** A network of its own with nothing but loopback, and a folder: where the agents of one test live. */
export class Place {
  readonly folder: string;
  readonly #namespace: string;
  readonly #agents: Agent[] = [];

  constructor(name: string, under = tmpdir()) {
    this.#namespace = `hedgerow-${name}-${process.pid}`;
    this.folder = mkdtempSync(join(under, `hedgerow-${name}-`));
    run('ip', ['netns', 'add', this.#namespace]);
    run('ip', ['-n', this.#namespace, 'link', 'set', 'lo', 'up']);
  }

  /** An agent that is not started yet; `stateDir` when it is not to be in the place's own folder. */
  agent(name: string, stateDir = join(this.folder, name, 'state')): Agent {
    const agent = new Agent(this, { name, stateDir, port: 4_411 + this.#agents.length });
    this.#agents.push(agent);
    return agent;
  }

  /** Runs ip(8) in the place, a command a line. */
  ip(lines: readonly string[]): void {
    run('ip', ['-n', this.#namespace, '-batch', '-'], `${lines.join('\n')}\n`);
  }

  /** Runs a command line of Hedgerow's in the place. */
  spawn(args: readonly string[]): ChildProcess {
    // Not `ip netns exec`: in a mount namespace of its own mounts would stay as they were.
    const enter = `--net=/run/netns/${this.#namespace}`;
    return spawn('nsenter', [enter, paths.node, NODE_FLAGS, paths.hedgerow, ...args], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
  }

  async leave(): Promise<void> {
    for (const agent of this.#agents) await agent.end('SIGKILL');
    run('ip', ['netns', 'delete', this.#namespace]);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** One agent with its files. It blocks nothing: its backend is dry-run. */
export class Agent {
  readonly name: string;
  readonly stateDir: string;
  readonly config: string;
  readonly #place: Place;
  readonly #socket: string;
  #child: ChildProcess | undefined;
  #said = '';

  constructor(place: Place, { name, stateDir, port }: { name: string; stateDir: string; port: number }) {
    this.#place = place;
    this.name = name;
    this.stateDir = stateDir;
    const own = join(place.folder, name);
    mkdirSync(own, { recursive: true });
    this.#socket = join(own, 'sock');
    this.config = join(own, 'hedgerow.yaml');
    const listen = [`/ip4/127.0.0.1/tcp/${port}`];
    writeFileSync(
      this.config,
      stringify({
        configVersion: 1,
        agent: { name, stateDir },
        control: { socket: this.#socket },
        p2p: { listen, announce: listen, toleranceSeconds: 4 },
        observe: { names: false, resolve: false },
        enforce: { backend: 'dry-run' },
        limits: { policies: 100_000, changesPerHour: 1_000_000, burst: 1_000_000 },
        log: { level: 'warn' },
      }),
    );
  }

  get store(): string {
    return join(this.stateDir, 'store');
  }

  /** What it wrote to standard error since it was started. */
  get said(): string {
    return this.#said;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** Starts it and waits until it is ready; an Error with what it said when it ends instead. */
  async start(): Promise<void> {
    const ending = await this.startOrRefuse();
    if (ending !== undefined) throw new Error(`${this.name} ended: ${ending.code}\n${ending.stderr}`);
  }

  /** Starts it where it is expected to end by itself. */
  async refuse(): Promise<Ending> {
    const ending = await this.startOrRefuse();
    if (ending === undefined) throw new Error(`${this.name} started`);
    return ending;
  }

  /** Starts it and waits until it is ready or has ended by itself; then answers how. */
  async startOrRefuse(): Promise<Ending | undefined> {
    const child = this.#spawn();
    let closed = false;
    child.once('close', () => {
      closed = true;
    });
    await until(`${this.name} to be ready`, async () => closed || (await this.#isReady()), {
      timeoutMs: READY_MS,
      everyMs: 25,
    });
    if (!closed) return undefined;
    this.#child = undefined;
    return { code: child.exitCode, stderr: this.#said };
  }

  /** Starts it without waiting for anything. */
  launch(): void {
    this.#spawn();
  }

  /** Ends it with a signal; does nothing when it does not run. */
  async end(signal: 'SIGKILL' | 'SIGTERM' = 'SIGTERM'): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    const children = signal === 'SIGKILL' ? childrenOf(child.pid ?? 0) : [];
    child.kill(signal);
    await ended;
    // They would end with the next thing that they have to tell.
    for (const pid of children) killIfThere(pid);
  }

  /** Calls a command or a view. */
  async call<T>(method: string, params: Record<string, unknown> = {}): Promise<T> {
    const client = await openControl(this.#socket, CALL_MS);
    // Closing rejects the pending call.
    const late = setTimeout(() => client.close(), CALL_MS);
    try {
      return await client.call<T>(method, params);
    } finally {
      clearTimeout(late);
      client.close();
    }
  }

  async status(): Promise<Status> {
    return await this.call<Status>('status');
  }

  /** Blocks a domain for the whole home. */
  async block(domain: string, wait = false): Promise<void> {
    await this.call('block', { first: domain, by: 'test', wait });
  }

  async unblock(domain: string, wait = false): Promise<void> {
    await this.call('unblock', { first: domain, by: 'test', wait });
  }

  /** What is blocked for the home, sorted. */
  async blocked(): Promise<string[]> {
    const policies = await this.call<Policy[]>('policies');
    return policies.map(({ b }) => b.label).sort();
  }

  #spawn(): ChildProcess {
    if (this.#child !== undefined) throw new Error(`${this.name} runs already`);
    const child = this.#place.spawn(['agent', '--config', this.config]);
    this.#child = child;
    this.#said = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#said = (this.#said + text).slice(-KEPT);
    });
    return child;
  }

  async #isReady(): Promise<boolean> {
    try {
      return (await this.status()).readyMs > 0;
    } catch {
      // Not listening yet, or not any more.
      return false;
    }
  }
}

/** Makes two running agents one home. */
export async function joinHome(founder: Agent, other: Agent): Promise<void> {
  const { peer } = await other.status();
  const { bundle } = await founder.call<{ bundle: string }>('home.add', { by: 'test', peer });
  await other.call('home.join', { bundle });
  await inStep(founder, other);
}

/** Waits until both hold the same and know each other; answers their digest. */
export async function inStep(one: Agent, other: Agent, timeoutMs = 20_000): Promise<string> {
  return await until(
    `${one.name} and ${other.name} to hold the same`,
    async () => {
      try {
        const [a, b] = [await one.status(), await other.status()];
        return a.digest === b.digest && a.routers.alive === 2 && b.routers.alive === 2 && a.digest;
      } catch {
        // It begins anew, in its other home.
        return false;
      }
    },
    { timeoutMs, everyMs: 50 },
  );
}

function run(command: string, args: readonly string[], input = ''): void {
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8', input });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`);
}

function childrenOf(pid: number): number[] {
  const listed = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return listed.split(' ').filter(Boolean).map(Number);
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
