import { connect, createServer, type Server } from 'node:net';
import type { Clock } from '../../clock.ts';
import { messageOf, UnavailableError } from '../../errors.ts';
import type { Log } from '../../log.ts';
import type { Service } from '../../service.ts';

/**
 * An abstract socket (unix(7)): the kernel has these names once for each network namespace, like its rules, and frees one
 * when its holder dies, however that was.
 */
const NAME = '\0hedgerow-agent';
/** The one before may still be stopping, milliseconds. */
const PATIENCE_MS = 10_000;
const TRY_EVERY_MS = 250;
/** Who holds the name has so long to say who it is, milliseconds. */
const ANSWER_MS = 2_000;
const MOST_CALLERS = 16;
const MOST_CHARACTERS = 4_096;

/** Who enforces in this network namespace. */
export interface Holder {
  readonly pid: number;
  readonly stateDir: string;
}

export interface SoleAgentOptions {
  readonly stateDir: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Tests have one of their own. */
  readonly name?: string;
}

/**
 * Makes this process the one that keeps the kernel's rules in its network namespace: two with different policies would take
 * turns in undoing each other's. Waits for one that is just stopping. UnavailableError when another one goes on; whoever
 * holds the name and is no agent is in nobody's way.
 * @returns ends it; so does the end of the process
 */
export async function becomeSoleAgent(options: SoleAgentOptions, signal: AbortSignal): Promise<() => void> {
  const { stateDir, clock, log, name = NAME } = options;
  const until = clock.monotonic() + PATIENCE_MS;
  for (let told = false; !signal.aborted; told = true) {
    const taken = await take(name, encodeHolder({ pid: process.pid, stateDir }));
    if ('server' in taken) return () => void taken.server.close();
    const isHeld = taken.code === 'EADDRINUSE';
    const holder = isHeld ? await askHolder(name, signal) : undefined;
    const isOver = clock.monotonic() >= until;
    if (holder !== undefined && isOver && !signal.aborted) throw inTheWay(holder);
    if (!isHeld || isOver) {
      log.warn({ error: taken.code }, 'it cannot be told whether another agent enforces on this machine');
      return () => undefined;
    }
    if (!told)
      log.warn({ pid: holder?.pid }, 'another agent enforces on this machine; waiting for it to end');
    await clock.sleep(TRY_EVERY_MS, signal).catch(() => undefined);
  }
  return () => undefined;
}

/** The same as a part of the agent, which starts before any that touches the kernel, and ends after them. */
export function soleAgent(options: SoleAgentOptions): Service {
  let end: (() => void) | undefined;
  return {
    name: 'sole agent',
    start: async (signal) => {
      end = await becomeSoleAgent(options, signal);
    },
    stop: async () => end?.(),
  };
}

function inTheWay({ pid, stateDir }: Holder): UnavailableError {
  return new UnavailableError(
    `another agent enforces on this machine already: process ${pid}, with its state in ${stateDir}; what it blocks is left alone`,
    {
      hint: `hedgerow status asks it; to run this one instead stop that one first (systemctl stop hedgerow, or kill ${pid}): what it blocked stays until this one takes over; enforce.backend: dry-run lets this one only observe`,
    },
  );
}

/** What a holder says to whoever asks. */
export function encodeHolder({ pid, stateDir }: Holder): string {
  return `hedgerow-agent/1 ${pid} ${stateDir}\n`;
}

/** The holder in what was said; undefined for anything else, however it looks. */
export function decodeHolder(said: string): Holder | undefined {
  const [, pid, stateDir] = /^hedgerow-agent\/1 (\d{1,10}) ([^\p{Cc}]+)\n$/u.exec(said) ?? [];
  return stateDir === undefined ? undefined : { pid: Number(pid), stateDir };
}

function take(name: string, says: string): Promise<{ server: Server } | { code: string }> {
  return new Promise((resolve) => {
    const server = createServer((caller) => {
      caller.on('error', () => undefined);
      caller.setTimeout(ANSWER_MS, () => caller.destroy());
      // What a caller says is nobody's concern.
      caller.resume();
      caller.end(says);
    });
    server.maxConnections = MOST_CALLERS;
    server.once('error', (error: NodeJS.ErrnoException) => resolve({ code: error.code ?? messageOf(error) }));
    server.listen({ path: name }, () => {
      server.removeAllListeners('error').on('error', () => undefined);
      server.unref();
      resolve({ server });
    });
  });
}

/** Who holds the name; undefined if it is no agent, says nothing, or has just gone. */
function askHolder(name: string, signal: AbortSignal): Promise<Holder | undefined> {
  return new Promise((resolve) => {
    let said = '';
    const socket = connect({ path: name, signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]) });
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => {
      said += text;
      if (said.length > MOST_CHARACTERS) socket.destroy();
    });
    socket.on('error', () => undefined);
    socket.once('close', () => resolve(decodeHolder(said)));
  });
}
