import type { Clock } from '../../clock.ts';
import { TemporaryError } from '../../errors.ts';
import type { Child, Exec } from '../exec.ts';
import { ACK_SET } from './names.ts';

/** Slow routers need about 0.1 ms for a line. */
const DEADLINE_MS = 10_000;
const DEADLINE_PER_LINE_MS = 1;
/** More error text than this tells nothing new. */
const MAX_ERROR_TEXT = 16_384;

interface Pending {
  readonly marker: string;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/**
 * One long-lived `ipset -`: a change takes 0.1 ms instead of the 3 to 13 ms of a spawned command. Lines run in order;
 * a `test` of an empty set ends each batch, and its answer on standard error is the acknowledgement. (The set is made
 * each time, for others may destroy what no rule refers to; its `-exist` holds for all that follows: to add what is
 * there and to remove what is not is no failure.) What stands before the answer is the error text. The child is started when it is needed, and anew after it ended.
 */
export class IpsetSession {
  readonly #exec: Exec;
  readonly #clock: Clock;
  #child: Child | undefined;
  #life = new AbortController();
  #said = '';
  #pending: Pending | undefined;
  #batches = 0;

  constructor(exec: Exec, clock: Clock) {
    this.#exec = exec;
    this.#clock = clock;
  }

  /**
   * Runs lines without newlines in them. Throws TemporaryError with the tool's words if any line failed (the others
   * have run), if the child ended or gave no answer (what has run is unknown). Batches must not overlap.
   */
  async run(lines: readonly string[], signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#pending !== undefined) throw new TemporaryError('ipset is still busy with the batch before');
    const child = this.#open();
    this.#batches = (this.#batches + 1) % 0x1000000;
    const n = this.#batches;
    const address = `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`;
    const answered = new Promise<void>((resolve, reject) => {
      this.#pending = { marker: `${address} is NOT in set ${ACK_SET}.`, resolve, reject };
    });
    const wait = DEADLINE_MS + lines.length * DEADLINE_PER_LINE_MS;
    const timer = this.#clock.after(wait, () => this.#end(new TemporaryError('ipset gave no answer')));
    const onAbort = (): void =>
      this.#end(new TemporaryError('ipset was interrupted', { cause: signal.reason }));
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      const batch = [...lines, `create -exist ${ACK_SET} hash:ip`, `test ${ACK_SET} ${address}`, ''];
      child.stdin.write(batch.join('\n'));
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
    const child = this.#exec.open(['ipset', '-'], this.#life.signal);
    this.#child = child;
    this.#said = '';
    child.stdout.resume();
    child.stderr.setEncoding('utf8');
    child.stderr.on('data', (text: string) => {
      if (this.#child === child) this.#hear(text);
    });
    void child.exited.then(({ why }) => {
      if (this.#child === child) this.#end(new TemporaryError(`ipset ended: ${why} ${this.#said}`.trim()));
    });
    return child;
  }

  #hear(text: string): void {
    this.#said += text;
    const pending = this.#pending;
    const at = pending === undefined ? -1 : this.#said.indexOf(pending.marker);
    if (pending === undefined || at < 0) {
      this.#said = this.#said.slice(-MAX_ERROR_TEXT);
      return;
    }
    const error = this.#said.slice(0, at).trim();
    this.#said = '';
    this.#pending = undefined;
    if (error === '') pending.resolve();
    else pending.reject(new TemporaryError(`ipset: ${error.slice(0, 300)}`));
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
