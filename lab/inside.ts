/** Reaching into a house: commands on its hosts, its files, and its topology as it is now. The verbs are built on this. */
import { readFileSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { LabError, USAGE } from './error.ts';
import { hostDir } from './network.ts';
import { mustRun, type Outcome, type Running, type RunOptions, run, runHere, start } from './run.ts';
import { enter, fromOutside, type Sandbox } from './sandbox.ts';
import { checkTopology, type Device, NET, type Router, type Topology } from './topology.ts';

const TOPOLOGY = '/run/lab/topology.json';

export class Inside {
  readonly sandbox: Sandbox;

  constructor(sandbox: Sandbox) {
    this.sandbox = sandbox;
  }

  get name(): string {
    return this.sandbox.name;
  }

  /** As it is now: moved devices and a changed zone included. It is kept in the house, so several programs can use one. */
  get topology(): Topology {
    return JSON.parse(readFileSync(this.outside(TOPOLOGY), 'utf8')) as Topology;
  }

  /** Keeps a topology as the present one. Changes nothing else. */
  async save(topology: Topology): Promise<void> {
    const path = this.outside(TOPOLOGY);
    await writeFile(`${path}.new`, JSON.stringify(checkTopology(topology)));
    await rename(`${path}.new`, path);
  }

  /** Runs a command on a host to its end. A code other than 0 is an outcome, not an error. */
  async exec(host: string, argv: readonly string[], options: RunOptions = {}): Promise<Outcome> {
    return await run(this.#enter(host, argv), withHost(host, options));
  }

  /** As {@link exec}; returns what it said on stdout, and throws a LabError when its code is not 0. */
  async must(host: string, argv: readonly string[], options: RunOptions = {}): Promise<string> {
    return await mustRun(this.#enter(host, argv), withHost(host, options));
  }

  /** Starts a command on a host and returns at once. It ends with this process or with the house, if not before. */
  spawn(host: string, argv: readonly string[]): Running {
    return start(this.#enter(host, argv), { env: withHost(host).env, entered: true });
  }

  /** Runs a command on a host at this terminal, in the directory `cwd`; returns its exit code. */
  async execHere(host: string, argv: readonly string[], cwd: string): Promise<number> {
    return await runHere(this.#enter(host, argv, cwd), withHost(host).env);
  }

  /** Runs a shell script in the sandbox, outside of every host. */
  async sh(script: string, options: RunOptions = {}): Promise<string> {
    return await mustRun(enter(this.sandbox, ['bash', '-euo', 'pipefail']), { ...options, input: script });
  }

  /** A file or socket of the house as seen outside. */
  outside(path: string): string {
    return fromOutside(this.sandbox, path);
  }

  router(name: string): Router {
    const { routers } = this.topology;
    return routers.find((one) => one.name === name) ?? unknown('router', name, routers);
  }

  device(name: string): Device {
    const { devices } = this.topology;
    return devices.find((one) => one.name === name) ?? unknown('device', name, devices);
  }

  #enter(host: string, argv: readonly string[], cwd?: string): string[] {
    const { routers, devices } = this.topology;
    const hosts = [{ name: NET }, ...routers, ...devices];
    if (!hosts.some(({ name }) => name === host)) unknown('host', host, hosts);
    return enter(this.sandbox, argv, host, cwd);
  }
}

/** On a router, `hedgerow` talks to that router's agent. */
function withHost(host: string, options: RunOptions = {}): RunOptions & { env: Record<string, string> } {
  const path = `/run/lab/bin:${process.env.PATH}:/usr/local/sbin:/usr/sbin:/sbin`;
  return {
    ...options,
    env: { PATH: path, HEDGEROW_CONFIG: `${hostDir(host)}/hedgerow.yaml`, ...options.env },
  };
}

function unknown(what: string, name: string, all: readonly { name: string }[]): never {
  throw new LabError(`no ${what} ${name}`, {
    code: USAGE,
    hint: `there are ${all.map((one) => one.name).join(', ')}`,
  });
}
