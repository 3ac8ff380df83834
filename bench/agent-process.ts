/** One agent of a house as a process: started by hand, so that every moment of its start can be told. */
import { readFile } from 'node:fs/promises';
import { connects } from '../lab/agents.ts';
import { LabError } from '../lab/error.ts';
import type { House } from '../lab/house-api.ts';
import { hostDir } from '../lab/network.ts';
import type { Running } from '../lab/run.ts';
import { until } from '../lab/wait.ts';
import { Commander } from './commander.ts';
import { type Memory, memoryOf, type Resident, residentsUnder } from './processes.ts';

/** The part of the status that the bench looks at. */
interface Status {
  readonly readyMs: number;
  readonly policies: number;
}

export interface Start {
  /** From the start of the process until its control socket accepted, ms. */
  readonly socket_ms: number;
  /** From the start of the process until it called itself ready, ms. */
  readonly ready_ms: number;
  /** What the agent says: from when its own code ran until it was ready, ms. */
  readonly said_ms: number;
}

const READY = { timeoutMs: 20_000, everyMs: 1 };

export class AgentProcess {
  readonly #running: Running;
  readonly commander: Commander;
  readonly start: Start;
  readonly #pid: number;

  private constructor(running: Running, pid: number, commander: Commander, start: Start) {
    this.#running = running;
    this.#pid = pid;
    this.commander = commander;
    this.start = start;
  }

  /**
   * Starts the agent of a router and waits until it is ready.
   * @param cache the folder of Node's compile cache, so that the first start in it is cold and the others are not
   */
  static async run(house: House, router: string, cache: string, signal: AbortSignal): Promise<AgentProcess> {
    const config = `${hostDir(router)}/hedgerow.yaml`;
    const begun = performance.now();
    const running = house.spawn(router, [
      ...['env', `NODE_COMPILE_CACHE=${cache}`, 'hedgerow', 'agent', '--config', config],
    ]);
    let ended: string | undefined;
    void running.done.then(({ stdout, stderr }) => {
      ended = `${stdout}${stderr}`.slice(-2000);
    });
    const path = house.controlSocket(router);
    await until(
      `the control socket of ${router}`,
      () => {
        if (ended !== undefined) throw new LabError(`the agent of ${router} ended:\n${ended}`);
        return connects(path);
      },
      { ...READY, signal },
    );
    const socket_ms = performance.now() - begun;
    const commander = await Commander.open(house, router, signal);
    const status = await until(
      `${router} to be ready`,
      async () => {
        const said = await commander.call<Status>('status');
        return said.readyMs > 0 ? said : undefined;
      },
      { ...READY, signal },
    );
    const ready_ms = performance.now() - begun;
    const pid = await onlyChild(running.pid);
    return new AgentProcess(running, pid, commander, { socket_ms, ready_ms, said_ms: status.readyMs });
  }

  async policies(): Promise<number> {
    return (await this.commander.call<Status>('status')).policies;
  }

  /** Its memory, and that of its lasting children. */
  async memory(
    signal: AbortSignal,
  ): Promise<{ readonly agent: Memory; readonly children: readonly Resident[] }> {
    return { agent: await memoryOf(this.#pid), children: await residentsUnder(this.#pid, signal) };
  }

  async stop(): Promise<void> {
    this.commander.close();
    await this.#running.stop();
  }
}

/** The process that a command line of the lab enters the house with has one child: the command. */
export async function onlyChild(pid: number): Promise<number> {
  const child = Number.parseInt(await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8'), 10);
  if (!child) throw new LabError(`process ${pid} has no child`);
  return child;
}
