import type { ChildProcess } from 'node:child_process';
import { getDefaultHighWaterMark, type Readable, setDefaultHighWaterMark, type Writable } from 'node:stream';
import { execa } from 'execa';
import { type Clock, repeat } from '../clock.ts';
import { messageOf, UnavailableError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Service } from '../service.ts';

export interface Finished {
  /** Exit code; -1 when a signal or the deadline ended it. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  input?: string | undefined;
  /** Default 10 s. */
  timeoutMs?: number;
  signal?: AbortSignal | undefined;
  /** Told the process id once the command has started. */
  onPid?: ((pid: number) => void) | undefined;
}

export interface OpenOptions {
  /**
   * Output is read from the pipe when it is asked for (`readable`, then `read()`), not ahead: what a child writes line by
   * line gathers there, and 2,000 lines a second cost a quarter of the CPU.
   */
  readonly lazy?: boolean;
}

/** A child that goes on until it is killed. Its exit is told by `exited`, which never rejects. */
export interface Child {
  readonly pid: number | undefined;
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly exited: Promise<{ code: number; why: string }>;
  kill(): void;
}

/** The router that commands are run on when it is not this machine. */
export interface Elsewhere {
  /** For people: `root@192.168.1.1`. */
  readonly name: string;
  /** Why no command can be run there now, and what to do about it; undefined while they can. */
  readonly why: string | undefined;
  readonly hint: string | undefined;
  /** How often it was reached, 0 before the first time: when this grows, it may have been started anew meanwhile. */
  readonly reached: number;
  /** Resolves when commands can be run there. Rejects when the signal aborts. */
  untilReached(signal: AbortSignal): Promise<void>;
}

/**
 * The only door to the commands of the system. The prefix runs the same commands elsewhere
 * (`ip netns exec attic` in tests); exec-ssh.ts runs them on another machine.
 */
export interface Exec {
  /** Undefined: commands run on this machine. */
  readonly elsewhere?: Elsewhere | undefined;
  /**
   * Runs a command to its end. A command that fails is an answer (`code`), not an exception;
   * a command that is not there throws UnavailableError. Output beyond 64 MiB ends it, and so does
   * more than 256 KiB on standard error.
   */
  run(argv: readonly string[], options?: RunOptions): Promise<Finished>;
  /** Starts a long-lived child. The caller drains both outputs. */
  open(argv: readonly string[], signal: AbortSignal, options?: OpenOptions): Child;
}

const MAX_OUTPUT = 64 * 1024 * 1024;
/** What a tool complains is read by people. */
const MAX_ERROR_TEXT = 256 * 1024;
/** A child that ran for this long is not in a crash loop. */
const SETTLED_MS = 60_000;

export function createExec(prefix: readonly string[] = []): Exec {
  const split = (argv: readonly string[]): [string, string[]] => {
    const [file, ...rest] = [...prefix, ...argv];
    if (file === undefined) throw new UnavailableError('no command given');
    return [file, rest];
  };
  return {
    async run(argv, { input, timeoutMs = 10_000, signal, onPid } = {}) {
      const [file, args] = split(argv);
      const child = execa(file, args, {
        reject: false,
        timeout: timeoutMs,
        killSignal: 'SIGKILL',
        maxBuffer: { stdout: MAX_OUTPUT, stderr: MAX_ERROR_TEXT },
        stripFinalNewline: false,
        ...(input === undefined ? { stdin: 'ignore' as const } : { input }),
        ...(signal ? { cancelSignal: signal } : {}),
      });
      if (child.pid !== undefined) onPid?.(child.pid);
      letGoWhenKilled(child.nodeChildProcess);
      const result = await child;
      if (result.exitCode === undefined) {
        signal?.throwIfAborted();
        if (result.failed && result.code === 'ENOENT') throw notInstalled(argv[0], result);
        return { code: -1, stdout: result.stdout, stderr: `${result.stderr}${result.shortMessage ?? ''}` };
      }
      return { code: result.exitCode, stdout: result.stdout, stderr: result.stderr };
    },
    open(argv, signal, { lazy = false } = {}) {
      const [file, args] = split(argv);
      const start = () =>
        execa(file, args, {
          reject: false,
          buffer: false,
          stdin: 'pipe',
          stdout: 'pipe',
          stderr: 'pipe',
          cancelSignal: signal,
          forceKillAfterDelay: 1_000,
        });
      const child = lazy ? withSmallStreams(start) : start();
      letGoWhenKilled(child.nodeChildProcess);
      // A write to a child that is gone is told by `exited`; the stream's own error adds nothing.
      child.stdin.on('error', () => undefined);
      const exited = child.then(
        (result) => ({
          code: result.exitCode ?? -1,
          why:
            result.shortMessage ??
            (result.signal ? `signal ${result.signal}` : `exit code ${result.exitCode}`),
        }),
        (error: unknown) => ({ code: -1, why: messageOf(error) }),
      );
      return {
        pid: child.pid,
        stdin: child.stdin,
        stdout: child.stdout,
        stderr: child.stderr,
        exited,
        kill: () => void child.kill('SIGKILL'),
      };
    },
  };
}

/** A child may have children that outlive it and hold its pipes: what was killed is not waited for until they end. */
function letGoWhenKilled(child: ChildProcess): void {
  child.once('exit', () => {
    if (!child.killed) return;
    child.stdout?.destroy();
    child.stderr?.destroy();
  });
}

/** A stream reads ahead as much as its mark, which a child's can only be given by default, while it is made. */
function withSmallStreams<T>(make: () => T): T {
  const usual = getDefaultHighWaterMark(false);
  setDefaultHighWaterMark(false, 1);
  try {
    return make();
  } finally {
    setDefaultHighWaterMark(false, usual);
  }
}

function notInstalled(command: string | undefined, cause: unknown): UnavailableError {
  return new UnavailableError(`${command} is not installed`, {
    cause,
    hint: 'run scripts/setup, or install it with the package manager of this machine',
  });
}

export interface SupervisedOptions {
  exec: Exec;
  clock: Clock;
  log: Log;
  name: string;
  argv: readonly string[];
  onData: (chunk: Buffer) => void;
  /** Output gathers for so long before it is handed on, milliseconds: a child that writes line by line costs less. */
  gatherMs?: number;
  /** Lines of the child's standard error, at most 4 KiB each. */
  onErrorLine?: (line: string) => void;
  /** A new child has started: whatever was half-read belongs to the one before. */
  onStart?: () => void;
}

/** Keeps one child running: reads it, drains its standard error, starts it again (0.5 s, doubling to 30 s). */
export class Supervised implements Service {
  readonly name: string;
  readonly #options: SupervisedOptions;
  #stopper: AbortController | undefined;
  #running: Promise<void> | undefined;
  #pid: number | undefined;
  #starts = 0;

  constructor(options: SupervisedOptions) {
    this.name = options.name;
    this.#options = options;
  }

  /** How often the child was started again after it had ended by itself. */
  get restarts(): number {
    return Math.max(0, this.#starts - 1);
  }

  /** The child's process id, while it runs. */
  get pid(): number | undefined {
    return this.#pid;
  }

  async start(signal: AbortSignal): Promise<void> {
    const stopper = new AbortController();
    this.#stopper = stopper;
    this.#running = repeat((inner) => this.#once(inner), {
      clock: this.#options.clock,
      signal: AbortSignal.any([signal, stopper.signal]),
      everyMs: 500,
      maxMs: 30_000,
      onFailure: (error, inARow) =>
        this.#options.log.warn(
          { child: this.name, error: messageOf(error), inARow },
          'a child process ended',
        ),
    });
  }

  async stop(): Promise<void> {
    this.#stopper?.abort();
    await this.#running;
  }

  async #once(signal: AbortSignal): Promise<void> {
    const { exec, argv, clock, log, onData, gatherMs, onErrorLine, onStart } = this.#options;
    await exec.elsewhere?.untilReached(signal);
    this.#starts += 1;
    onStart?.();
    const child = exec.open(argv, signal, { lazy: gatherMs !== undefined });
    this.#pid = child.pid;
    if (gatherMs === undefined) child.stdout.on('data', onData);
    else gather(child.stdout, onData, gatherMs, clock);
    let rest = '';
    child.stderr.setEncoding('utf8');
    child.stderr.on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = (lines.pop() ?? '').slice(-4096);
      for (const line of lines) onErrorLine?.(line.slice(0, 4096));
    });
    const born = clock.monotonic();
    const { why } = await child.exited;
    this.#pid = undefined;
    signal.throwIfAborted();
    // A child that lived long has earned a quick restart: its end does not count as one more failure in a row.
    if (clock.monotonic() - born > SETTLED_MS) {
      log.warn({ child: this.name, error: why }, 'a child process ended');
      return;
    }
    throw new UnavailableError(`${argv[0]} ended: ${why}`);
  }
}

/** What is not taken waits in the stream and then in the pipe, whose child waits: nothing here grows. */
function gather(stream: Readable, onData: (chunk: Buffer) => void, gatherMs: number, clock: Clock): void {
  let waits = false;
  stream.on('readable', () => {
    if (waits) return;
    waits = true;
    clock.after(gatherMs, () => {
      waits = false;
      const chunk = stream.read() as Buffer | null;
      if (chunk !== null) onData(chunk);
    });
  });
}
