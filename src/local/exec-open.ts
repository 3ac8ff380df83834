import { join } from 'node:path';
import type { Clock } from '../clock.ts';
import type { Config } from '../config-schema.ts';
import { UnavailableError } from '../errors.ts';
import { type Log, silentLog } from '../log.ts';
import { createExec, type Exec } from './exec.ts';
import { sshExec } from './exec-ssh.ts';
import { SshLink } from './exec-ssh-link.ts';

/** Where a router's commands run. */
export interface OpenedExec {
  readonly exec: Exec;
  close(): Promise<void>;
}

export interface OpenExecOptions {
  readonly config: Pick<Config, 'agent' | 'exec'>;
  /** Whose commands they are: a name of this agent, the same in all of its lives. */
  readonly owner: string;
  /** The name in the state folder of the socket that the commands share. */
  readonly socket: string;
  readonly clock: Clock;
  readonly log: Log;
  /** The router over there was reached, so many times by now. */
  readonly onReached?: (times: number) => void;
}

/**
 * Commands run here; with `exec.ssh` over there: then the first attempt to connect has come to its end, well or not
 * ({@link Exec.elsewhere} tells), and further ones follow until it is closed. ConfigError when its socket's path is too long.
 */
export async function openExec(options: OpenExecOptions, signal: AbortSignal): Promise<OpenedExec> {
  const { config, owner, clock, log, onReached } = options;
  const here = createExec();
  const { ssh } = config.exec;
  const { stateDir } = config.agent;
  if (ssh === undefined) return { exec: here, close: async () => undefined };
  const { host, user = 'root', port = 22, key, knownHosts = join(stateDir, 'known_hosts') } = ssh;
  const target = { host, user, port, key, knownHosts };
  const common = { target, socket: join(stateDir, options.socket), here, clock };
  const link = new SshLink({ ...common, owner: owner.replaceAll(/[^A-Za-z0-9]/g, ''), log, onReached });
  await link.start(signal);
  await link.tried(signal);
  return { exec: sshExec({ ...common, link }), close: () => link.stop() };
}

/** For a single command of a person, beside an agent or without one. UnavailableError when the router cannot be reached. */
export async function withExec<T>(
  { config, clock }: Pick<OpenExecOptions, 'config' | 'clock'>,
  signal: AbortSignal,
  work: (exec: Exec) => Promise<T>,
): Promise<T> {
  const own = { owner: `once${process.pid}`, socket: `ssh-${process.pid}` };
  const { exec, close } = await openExec({ config, clock, log: silentLog, ...own }, signal);
  try {
    const { why, hint } = exec.elsewhere ?? {};
    if (why !== undefined) throw new UnavailableError(why, hint === undefined ? {} : { hint });
    return await work(exec);
  } finally {
    await close();
  }
}
