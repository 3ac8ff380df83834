/** The one place of the lab that starts processes. Every one of them is bounded in time and output. */
import { readFile } from 'node:fs/promises';
import { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { execa } from 'execa';
import { LabError } from './error.ts';

export interface Outcome {
  /** As a shell tells it: 128 + n when signal n ended it. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly input?: string;
  /** Then it is killed and {@link run} throws. Default 30,000. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  readonly env?: Readonly<Record<string, string>>;
}

const MAX_OUTPUT = 16 * 1024 * 1024;
/** How much of the end of a long-running process's output is kept. */
const KEPT_OUTPUT = 256 * 1024;

/** System tools are in sbin, which an ordinary user does not search. */
const environment = (env: RunOptions['env'] = {}) => ({
  PATH: `${process.env.PATH}:/usr/local/sbin:/usr/sbin:/sbin`,
  ...env,
});

/**
 * Runs a command to its end. A command that fails is an {@link Outcome} like another.
 * @throws LabError when it cannot be started, takes too long, is aborted or says too much.
 */
export async function run(argv: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const { input = '', timeoutMs = 30_000, signal } = options;
  const [file = '', ...args] = argv;
  const result = await execa(file, args, {
    input,
    env: environment(options.env),
    reject: false,
    stripFinalNewline: false,
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
    maxBuffer: MAX_OUTPUT,
    ...(signal ? { cancelSignal: signal } : {}),
  });
  const { stdout, stderr } = result;
  if (result.timedOut) {
    throw new LabError(
      `${argv.join(' ')}: not done after ${timeoutMs} ms\n${stdout.slice(-2000)}${stderr.slice(-2000)}`,
    );
  }
  if (result.isCanceled) throw new LabError(`${argv.join(' ')}: aborted`, { cause: signal?.reason });
  if (result.isMaxBuffer) throw new LabError(`${argv.join(' ')}: more than ${MAX_OUTPUT} bytes of output`);
  if (result.exitCode === undefined && result.signal === undefined) {
    throw new LabError(`${file}: ${result.originalMessage ?? 'did not start'}`, { cause: result.cause });
  }
  return { code: exitCode(result), stdout, stderr };
}

/** As {@link run}, but a code other than 0 is a {@link LabError} with what was said on stderr. */
export async function mustRun(argv: readonly string[], options: RunOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await run(argv, options);
  if (code !== 0) throw new LabError(`${argv.join(' ')}: exit code ${code}\n${stderr.slice(-4000)}`);
  return stdout;
}

/** A process that goes on until it ends by itself or is told to. */
export interface Running {
  readonly pid: number;
  readonly stdout: Readable;
  /** Output is the last part only ({@link KEPT_OUTPUT} characters of each). Never rejects. */
  readonly done: Promise<Outcome>;
  /** To the command itself, not to what it was entered with. */
  signal(name: NodeJS.Signals): Promise<void>;
  /** Signals, and kills after 5 s. */
  stop(name?: NodeJS.Signals): Promise<Outcome>;
}

export interface StartOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** This process may end before it; it must not say much then, as nobody reads it. */
  readonly keep?: boolean;
  /** The command is the only child of what is started (`nsenter`), and signals are for it. */
  readonly entered?: boolean;
}

/** Starts a command and returns at once. */
export function start(argv: readonly string[], options: StartOptions = {}): Running {
  const [file = '', ...args] = argv;
  const child = execa(file, args, {
    stdin: 'ignore',
    env: environment(options.env),
    reject: false,
    buffer: false,
    // A session of its own: Ctrl-C in the terminal is for the lab, which then stops its processes in order.
    detached: true,
  });
  if (options.keep) {
    child.nodeChildProcess.unref();
    for (const stream of [child.stdout, child.stderr]) if (stream instanceof Socket) stream.unref();
  }
  const stdout = lastOf(child.stdout);
  const stderr = lastOf(child.stderr);
  const done = child.then((result) => ({
    code: exitCode(result),
    stdout: stdout(),
    stderr: stderr() || (result.originalMessage ?? ''),
  }));
  const signal = async (name: NodeJS.Signals) => {
    const target = options.entered ? await onlyChild(child.pid) : child.pid;
    if (target !== undefined) tell(target, name);
  };
  const stop = async (name: NodeJS.Signals = 'SIGTERM') => {
    await signal(name);
    const late = setTimeout(() => child.kill('SIGKILL'), 5000);
    return await done.finally(() => clearTimeout(late));
  };
  return { pid: child.pid ?? -1, stdout: child.stdout, done, signal, stop };
}

/**
 * Runs a command on this terminal: its input, output and Ctrl-C.
 * @returns the exit code
 */
export async function runHere(argv: readonly string[], env: RunOptions['env'] = {}): Promise<number> {
  const [file = '', ...args] = argv;
  // Ctrl-C reaches the command as well; this process waits for its answer.
  const ignore = () => {};
  process.on('SIGINT', ignore);
  try {
    return exitCode(await execa(file, args, { stdio: 'inherit', env: environment(env), reject: false }));
  } finally {
    process.off('SIGINT', ignore);
  }
}

/** Sends a signal to a process that may be gone. */
export function tell(pid: number, name: NodeJS.Signals) {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

async function onlyChild(pid: number | undefined): Promise<number | undefined> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  return Number.parseInt(children, 10) || undefined;
}

function lastOf(stream: Readable): () => string {
  let text = '';
  stream.setEncoding('utf8').on('data', (piece: string) => {
    text = (text + piece).slice(-KEPT_OUTPUT);
  });
  return () => text;
}

const SIGNALS: Record<string, number> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGKILL: 9,
  SIGPIPE: 13,
  SIGTERM: 15,
};

const exitCode = ({ exitCode, signal }: { exitCode?: number; signal?: string }) =>
  exitCode ?? 128 + (SIGNALS[signal ?? ''] ?? 0);
