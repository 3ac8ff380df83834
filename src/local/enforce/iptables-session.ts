import type { Clock } from '../../clock.ts';
import { messageOf } from '../../errors.ts';
import type { Log } from '../../log.ts';
import type { Family } from '../../policy/address.ts';
import type { Exec } from '../exec.ts';
import type { Iptables } from './iptables.ts';
import { FAMILIES } from './rulebook.ts';
import { ToolSession } from './tool-session.ts';

/** Longer than the tool itself waits for whoever holds the lock of the tables. */
const DEADLINE_MS = 15_000;

/**
 * `iptables-restore` of both families, kept open: a change of chains takes 0.2 to 0.6 ms instead of a spawned command,
 * which costs 3 ms of CPU there and 6 ms here. Each transaction reads the table anew and has the lock of the tables no longer
 * than it runs, so that others change them meanwhile as ever. With `-v` the tool prints the comments of its input at
 * once: the one behind a transaction is the acknowledgement. A tool that fails ends.
 */
export class IptablesSession {
  readonly #iptables: Iptables;
  readonly #log: Log;
  readonly #sessions: Readonly<Record<Family, ToolSession>>;

  constructor(iptables: Iptables, { exec, clock, log }: { exec: Exec; clock: Clock; log: Log }) {
    this.#iptables = iptables;
    this.#log = log;
    const session = (family: Family): ToolSession => new ToolSession(dialect(iptables, family), exec, clock);
    this.#sessions = { 4: session(4), 6: session(6) };
  }

  /** Starts what is kept open and sees that it answers. One that does not is not asked again. */
  async open(signal: AbortSignal): Promise<void> {
    await Promise.all(FAMILIES.map((family) => this.#kept(family, [], signal)));
  }

  /**
   * One transaction per family, both at once, as {@link Iptables.restore}. Where the session does not answer as
   * expected a spawned command has the last word: the texts may only declare chains, fill and delete them, for nobody
   * knows then whether they have run, and these come to the same when they run twice.
   */
  async restore(texts: ReadonlyMap<Family, string>, signal: AbortSignal): Promise<void> {
    const rest = new Map<Family, string>();
    await Promise.all(
      [...texts].map(async ([family, text]) => {
        const lines = text.trimEnd().split('\n');
        if (!(await this.#kept(family, lines, signal))) rest.set(family, text);
      }),
    );
    signal.throwIfAborted();
    if (rest.size > 0) await this.#iptables.restore(rest, signal);
  }

  async stop(): Promise<void> {
    await Promise.all(FAMILIES.map((family) => this.#sessions[family].stop()));
  }

  /** True if it was done and acknowledged. */
  async #kept(family: Family, lines: readonly string[], signal: AbortSignal): Promise<boolean> {
    const session = this.#sessions[family];
    if (session.useless) return false;
    try {
      await session.run(lines, signal);
      return true;
    } catch (error) {
      this.#log.debug({ family, error: messageOf(error) }, 'iptables was not kept open');
      return false;
    }
  }
}

function dialect(iptables: Iptables, family: Family) {
  const argv = [...iptables.restoreCommand(family), '-v'];
  return {
    tool: argv[0] ?? '',
    argv,
    answersOn: 'stdout' as const,
    ask: (lines: readonly string[], n: number) => {
      const mark = `# hedgerow-ack-${n}\n`;
      return { text: [...lines, mark].join('\n'), mark };
    },
    answer: (said: string, mark: string) => {
      const at = said.indexOf(mark);
      return at < 0 ? undefined : { error: '', rest: said.slice(at + mark.length) };
    },
    deadlineMs: () => DEADLINE_MS,
  };
}
