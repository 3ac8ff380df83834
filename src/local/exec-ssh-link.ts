import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { type Clock, repeat } from '../clock.ts';
import { ConfigError, TemporaryError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Service } from '../service.ts';
import type { Child, Elsewhere, Exec } from './exec.ts';
import { explain } from './exec-ssh-refusal.ts';
import {
  greeting,
  keeperScript,
  markOf,
  masterArguments,
  ONE_AT_A_TIME,
  remoteCommand,
  type SshTarget,
  targetName,
} from './exec-ssh-words.ts';

/** A socket's path has 108 bytes (unix(7)), and ssh makes it under a name that is 17 longer (ssh(1), muxserver_listen). */
const MAX_SOCKET = 90;
const [FIRST_RETRY_MS, MAX_RETRY_MS] = [1_000, 30_000];
/** To connect, log in and begin the keeper. */
const GREETING_MS = 30_000;
/** A connection that stood for so long has earned a quick one after it. */
const SETTLED_MS = 5_000;
/** A command that was ended before it had begun is ended again after this. */
const KILL_AGAIN_MS = 1_000;
const MAX_SAID = 4_096;
/** Numbers of ended commands that the other side has not read yet, bytes. */
const MAX_UNREAD = 65_536;

/** One connection, while it stands. */
export interface Connection {
  /** Aborts when it is lost, with a TemporaryError. */
  readonly signal: AbortSignal;
  /** The server over there loses answers where one command begins as another ends. */
  readonly oneAtATime: boolean;
  /** A number for one more command, and its mark. */
  next(): { readonly number: number; readonly mark: string };
  /** Ends that command over there; whether it still runs does not matter. */
  end(number: number): void;
}

export interface SshLinkOptions {
  readonly target: SshTarget;
  /** Where the shared connection's socket is made. */
  readonly socket: string;
  /** Whose commands they are, letters and digits: what an earlier life of the same owner has left over there is ended. */
  readonly owner: string;
  /** Runs ssh itself, here. */
  readonly here: Exec;
  readonly clock: Clock;
  readonly log: Log;
  /** The router has been reached: the first time, or again. */
  readonly onReached?: ((times: number) => void) | undefined;
}

/** The one connection to a router over ssh: supervised, and made again when it is lost (1 s, doubling to 30 s). */
export class SshLink implements Service, Elsewhere {
  readonly name: string;
  readonly #options: SshLinkOptions;
  readonly #life = randomBytes(4).toString('hex');
  readonly #stopper = new AbortController();
  readonly #tried = Promise.withResolvers<void>();
  #connection: Connection | undefined;
  #waiting = Promise.withResolvers<void>();
  #reached = 0;
  #attempts = 0;
  #dropped = 0;
  #refusal: { readonly why: string; readonly hint?: string | undefined } = { why: 'not connected yet' };
  #running: Promise<void> | undefined;

  /** Throws ConfigError where no socket can be at that path. */
  constructor(options: SshLinkOptions) {
    const { socket, target } = options;
    if (Buffer.byteLength(socket) > MAX_SOCKET || !/^\/[\w./@+,:=-]*$/.test(socket)) {
      throw new ConfigError(`agent.stateDir: ssh can make no socket at ${socket}`, {
        hint: `use a path of at most ${MAX_SOCKET - 16} letters and digits without blanks`,
      });
    }
    this.#options = options;
    this.name = targetName(target);
  }

  /** Why nothing can be run there now; undefined while it can. */
  get why(): string | undefined {
    return this.#connection === undefined
      ? `${this.name} cannot be reached: ${this.#refusal.why}`
      : undefined;
  }

  get hint(): string | undefined {
    return this.#connection === undefined ? this.#refusal.hint : undefined;
  }

  get reached(): number {
    return this.#reached;
  }

  get counters(): Readonly<Record<string, number>> {
    return { attempts: this.#attempts, connections: this.#reached, unheardEnds: this.#dropped };
  }

  /** The connection that stands. Throws TemporaryError when there is none. */
  connection(): Connection {
    if (this.#connection !== undefined) return this.#connection;
    throw new TemporaryError(this.why ?? '', this.hint === undefined ? {} : { hint: this.hint });
  }

  /** Resolves when the first attempt has come to its end, well or not. Rejects when the signal aborts. */
  tried(signal: AbortSignal): Promise<void> {
    return orAborted(this.#tried.promise, signal);
  }

  async untilReached(signal: AbortSignal): Promise<void> {
    if (this.#connection === undefined) await orAborted(this.#waiting.promise, signal);
  }

  /** Begins to connect, and does not wait for it. */
  async start(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    this.#running ??= repeat((inner) => this.#once(inner), {
      clock,
      signal: AbortSignal.any([signal, this.#stopper.signal]),
      everyMs: FIRST_RETRY_MS,
      maxMs: MAX_RETRY_MS,
      onFailure: (_error, inARow) => {
        this.#tried.resolve();
        if (inARow === 1) log.warn({ error: this.#refusal.why }, 'the router cannot be reached over ssh');
      },
    });
  }

  async stop(): Promise<void> {
    this.#stopper.abort(new TemporaryError('the agent stops'));
    await this.#running;
  }

  /** From one attempt to connect to the end of what came of it. */
  async #once(signal: AbortSignal): Promise<void> {
    const { target, socket, owner, here, clock, log } = this.#options;
    this.#attempts += 1;
    const name = `${this.#life}x${this.#attempts}`;
    // A killed ssh leaves its socket, and the next one would go without.
    rmSync(socket, { force: true });
    const keeper = remoteCommand(['sh', '-c', keeperScript(owner, name)], markOf(owner, name, 0));
    const child = here.open(masterArguments(target, socket, keeper), signal);
    let [said, complaint] = ['', ''];
    let born: number | undefined;
    const lost = new AbortController();
    const deadline = clock.after(GREETING_MS, () => {
      complaint = `no answer within ${GREETING_MS / 1_000} s`;
      child.kill();
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      complaint = (complaint + text).slice(-MAX_SAID);
    });
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      if (born !== undefined) return;
      said = (said + text).slice(-MAX_SAID);
      if (!said.includes(greeting(name))) return;
      deadline.clear();
      born = clock.monotonic();
      this.#stands(this.#connectionOver(child, name, lost, said.includes(ONE_AT_A_TIME)));
    });
    const { why } = await child.exited;
    deadline.clear();
    this.#connection = undefined;
    lost.abort(new TemporaryError(`the connection to ${this.name} was lost`));
    signal.throwIfAborted();
    this.#refusal =
      born !== undefined
        ? { why: 'the connection was lost' }
        : await explain({ complaint, ended: why, target, here }, signal);
    if (born !== undefined && clock.monotonic() - born > SETTLED_MS) {
      log.warn({ times: this.#reached }, 'the connection to the router was lost');
      return;
    }
    throw new TemporaryError(this.why ?? '');
  }

  #connectionOver(master: Child, name: string, lost: AbortController, oneAtATime: boolean): Connection {
    const { owner, clock } = this.#options;
    let count = 0;
    const tell = (number: number): void => {
      if (lost.signal.aborted) return;
      if (master.stdin.writableLength > MAX_UNREAD) this.#dropped += 1;
      else master.stdin.write(`${number}\n`);
    };
    return {
      signal: lost.signal,
      oneAtATime,
      next: () => {
        count += 1;
        return { number: count, mark: markOf(owner, name, count) };
      },
      end: (number) => {
        tell(number);
        clock.after(KILL_AGAIN_MS, () => tell(number));
      },
    };
  }

  #stands(connection: Connection): void {
    const { log, onReached } = this.#options;
    this.#connection = connection;
    this.#reached += 1;
    this.#tried.resolve();
    this.#waiting.resolve();
    this.#waiting = Promise.withResolvers<void>();
    log.info({ times: this.#reached }, 'the router was reached over ssh');
    onReached?.(this.#reached);
  }
}

async function orAborted(waited: Promise<void>, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    await Promise.race([waited, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
