import type { Clock } from '../../../clock.ts';
import { TemporaryError } from '../../../errors.ts';
import type { Child, Exec } from '../../exec.ts';

const DEADLINE_MS = 10_000;
/** More error text than this tells nothing new. */
const MAX_ERROR_TEXT = 16_384;

interface Pending {
  readonly marker: string;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/**
 * One long-lived `nft -i`: a change takes less than a millisecond instead of the time of a spawned command. A line is a
 * transaction. A line that is no command follows each, and the complaint about it on standard error is the
 * acknowledgement: the kernel is not asked for it. What stands before it is the error text. The child is started when
 * it is needed, and anew after it ended.
 */
export class NftSession {
  readonly #exec: Exec;
  readonly #clock: Clock;
  #child: Child | undefined;
  #life = new AbortController();
  #said = '';
  #pending: Pending | undefined;
  #lines = 0;
  #answers = 0;

  constructor(exec: Exec, clock: Clock) {
    this.#exec = exec;
    this.#clock = clock;
  }

  /** True when it has been asked and never answered: this nft was built without its command line (OpenWrt's is). */
  get useless(): boolean {
    return this.#lines > 0 && this.#answers === 0 && this.#pending === undefined;
  }

  /**
   * Runs one transaction: commands without newlines in them, none for an empty one. Throws TemporaryError with the
   * tool's words if it failed (then nothing of it is in force), or if the child ended or gave no answer (then nobody
   * knows). Transactions must not overlap.
   */
  async run(commands: readonly string[], signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#pending !== undefined) throw new TemporaryError('nft is still busy with the change before');
    const child = this.#open();
    this.#lines += 1;
    const marker = `hedgerow-ack-${this.#lines}`;
    const answered = new Promise<void>((resolve, reject) => {
      this.#pending = { marker, resolve, reject };
    });
    const timer = this.#clock.after(DEADLINE_MS, () => this.#end(new TemporaryError('nft gave no answer')));
    const onAbort = (): void =>
      this.#end(new TemporaryError('nft was interrupted', { cause: signal.reason }));
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      child.stdin.write(`${commands.length === 0 ? '' : `${commands.join('; ')}\n`}${marker}\n`);
      await answered;
    } finally {
      timer.clear();
      signal.removeEventListener('abort', onAbort);
    }
  }

  async stop(): Promise<void> {
    const child = this.#child;
    this.#end(new TemporaryError('the agent stops'));
    await child?.exited;
  }

  #open(): Child {
    if (this.#child !== undefined) return this.#child;
    this.#life = new AbortController();
    // Without a home it keeps no history of commands.
    const child = this.#exec.open(['env', 'HOME=/dev/null', 'nft', '-i'], this.#life.signal);
    this.#child = child;
    this.#said = '';
    child.stdout.resume();
    child.stderr.setEncoding('utf8');
    child.stderr.on('data', (text: string) => {
      if (this.#child === child) this.#hear(text);
    });
    void child.exited.then(({ why }) => {
      if (this.#child === child)
        this.#end(new TemporaryError(`nft ended: ${why} ${this.#said.slice(0, 300)}`.trim()));
    });
    return child;
  }

  /** The answer is a message, the line itself, and a line that points into it. */
  #hear(text: string): void {
    this.#said += text;
    const pending = this.#pending;
    const at = pending === undefined ? -1 : this.#said.indexOf(`\n${pending.marker}\n`);
    const end = at < 0 || pending === undefined ? -1 : this.#said.indexOf('^\n', at + pending.marker.length);
    if (pending === undefined || end < 0) {
      this.#said = this.#said.slice(-MAX_ERROR_TEXT);
      return;
    }
    const before = this.#said.slice(0, at);
    const error = before.slice(0, Math.max(0, before.lastIndexOf('\n'))).trim();
    this.#said = this.#said.slice(end + 2);
    this.#pending = undefined;
    this.#answers += 1;
    if (error === '') pending.resolve();
    else pending.reject(new TemporaryError(`nft: ${error.slice(0, 300)}`));
  }

  /** Gives the child up: nobody knows which of its lines have run. */
  #end(error: TemporaryError): void {
    const pending = this.#pending;
    this.#child = undefined;
    this.#pending = undefined;
    this.#life.abort(error);
    pending?.reject(error);
  }
}
