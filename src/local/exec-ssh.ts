import { Readable, Writable } from 'node:stream';
import type { Clock } from '../clock.ts';
import { messageOf, TemporaryError, UnavailableError } from '../errors.ts';
import type { Child, Exec, Finished, RunOptions } from './exec.ts';
import type { Connection, SshLink } from './exec-ssh-link.ts';
import {
  commandArguments,
  isSshFailure,
  missingCommand,
  remoteCommand,
  SSH_FAILED,
  type SshTarget,
  withoutRefusedSession,
} from './exec-ssh-words.ts';
import { Turns } from './exec-turns.ts';

/** sshd allows ten at a time on one connection (MaxSessions, sshd_config(5)); the keeper and what goes on take the others. */
const RUNS_AT_ONCE = 3;
/** Where the server loses the answers of commands that end while others begin. */
const ONE_AT_A_TIME = 1;
/** A command ends a moment before its connection is known to be lost. */
const LOST_MS = 300;
/** The local ssh may take this much longer than the command that it waits for. */
const GRACE_MS = 1_000;

export interface SshExecOptions {
  readonly target: SshTarget;
  readonly socket: string;
  readonly link: SshLink;
  /** Runs ssh itself, here. */
  readonly here: Exec;
  readonly clock: Clock;
}

/**
 * Runs the commands of a router over ssh. Beside what {@link Exec} says: while the connection does not stand `run` throws
 * TemporaryError, also when it is lost in the middle (then nobody knows what was done), and a child that is opened has ended
 * already. What is killed here is killed over there.
 */
export function sshExec({ target, socket, link, here, clock }: SshExecOptions): Exec {
  const turns = new Turns(RUNS_AT_ONCE);
  const single = new Turns(ONE_AT_A_TIME);
  const argvOf = (argv: readonly string[], mark: string) =>
    commandArguments(target, socket, remoteCommand(argv, mark));

  const run = async (argv: readonly string[], options: RunOptions, connection: Connection) => {
    const { input, timeoutMs = 10_000, signal } = options;
    const { number, mark } = connection.next();
    const any = signal ? AbortSignal.any([signal, connection.signal]) : connection.signal;
    const end = (): void => connection.end(number);
    // Nobody waits for an ssh that was told to end: its outputs are the shared connection's, too.
    const late = Promise.withResolvers<Finished>();
    const onAbort = (): void => {
      end();
      late.reject(any.reason);
    };
    any.addEventListener('abort', onAbort, { once: true });
    const timer = clock.after(timeoutMs, () => {
      end();
      late.resolve({ code: -1, stdout: '', stderr: `no answer within ${timeoutMs / 1_000} s` });
    });
    try {
      const done = here.run(argvOf(argv, mark), { input, timeoutMs: timeoutMs + GRACE_MS, signal: any });
      // Whoever is late is not listened to any more.
      done.catch(() => undefined);
      const finished = await Promise.race([done, late.promise]);
      if (finished.code === -1) end();
      return finished;
    } finally {
      timer.clear();
      any.removeEventListener('abort', onAbort);
    }
  };

  return {
    elsewhere: link,
    async run(argv, options = {}) {
      const { signal } = options;
      return turns.take(signal, async () => {
        const connection = link.connection();
        const go = () => run(argv, options, connection);
        const finished = await (connection.oneAtATime ? single.take(signal, go) : go());
        const { code, stderr } = finished;
        if (code === SSH_FAILED) {
          await lostSoon(connection, clock);
          connection.signal.throwIfAborted();
          if (isSshFailure(code, stderr)) throw new TemporaryError(`ssh: ${stderr.trim().slice(0, 300)}`);
        }
        const missing = missingCommand(code, stderr);
        if (missing === undefined) return { ...finished, stderr: withoutRefusedSession(stderr) };
        throw new UnavailableError(`${missing} is not installed on ${link.name}`, {
          hint: 'install it there with the package manager of that router',
        });
      });
    },
    open(argv, signal, options) {
      if (link.why !== undefined) return goneChild(link.why);
      const connection = link.connection();
      const { number, mark } = connection.next();
      const any = AbortSignal.any([signal, connection.signal]);
      const end = (): void => connection.end(number);
      any.addEventListener('abort', end, { once: true });
      const child = here.open(argvOf(argv, mark), any, options);
      const exited = child.exited.then(async (ending) => {
        any.removeEventListener('abort', end);
        if (ending.code === SSH_FAILED) await lostSoon(connection, clock);
        if (connection.signal.aborted) return { code: -1, why: messageOf(connection.signal.reason) };
        if (ending.code === -1) end();
        // Its own words repeat the whole command.
        return { code: ending.code, why: ending.code < 0 ? 'it was ended' : `exit code ${ending.code}` };
      });
      const kill = (): void => {
        child.kill();
        end();
      };
      return { ...child, exited, kill };
    },
  };
}

/** Resolves when the connection is lost, or when it was not within a moment. */
function lostSoon({ signal }: Connection, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const timer = clock.after(LOST_MS, resolve);
    const onLost = (): void => {
      timer.clear();
      resolve();
    };
    signal.addEventListener('abort', onLost, { once: true });
  });
}

/** One that never began. */
function goneChild(why: string): Child {
  return {
    pid: undefined,
    stdin: new Writable({ write: (_chunk, _encoding, done) => done() }),
    stdout: Readable.from([]),
    stderr: Readable.from([]),
    exited: Promise.resolve({ code: -1, why }),
    kill: () => undefined,
  };
}
