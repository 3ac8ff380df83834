import type { Clock } from '../../clock.ts';
import { TemporaryError } from '../../errors.ts';
import type { Child, Exec } from '../exec.ts';
import { complaint, printable } from './complaint.ts';

/** More error text than this tells nothing new. */
const MAX_ERROR_TEXT = 16_384;
const MAX_TOLD = 300;

/** How one tool takes work on its standard input, and acknowledges it. */
export interface Dialect {
  readonly tool: string;
  readonly argv: readonly string[];
  /** Where the acknowledgement comes. On standard output it means that all is well: such a tool ends when it fails. */
  readonly answersOn: 'stdout' | 'stderr';
  /** What is written for the nth piece of work, from 1, and the mark of its acknowledgement. */
  ask(lines: readonly string[], n: number): { readonly text: string; readonly mark: string };
  /** The error text before the acknowledgement, and what was said after it; undefined as long as it has not come. */
  answer(said: string, mark: string): { readonly error: string; readonly rest: string } | undefined;
  /** How long the tool may take, milliseconds. */
  deadlineMs(lines: readonly string[]): number;
}

interface Pending {
  readonly mark: string;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** One long-lived child that does one piece of work after the other. It is started when it is needed, and anew after it ended. */
export class ToolSession {
  readonly #dialect: Dialect;
  readonly #exec: Exec;
  readonly #clock: Clock;
  #child: Child | undefined;
  #life = new AbortController();
  #said = '';
  #pending: Pending | undefined;
  #asked = 0;
  #answers = 0;

  constructor(dialect: Dialect, exec: Exec, clock: Clock) {
    this.#dialect = dialect;
    this.#exec = exec;
    this.#clock = clock;
  }

  /** True when it has been asked and never answered. */
  get useless(): boolean {
    return this.#asked > 0 && this.#answers === 0 && this.#pending === undefined;
  }

  /**
   * Runs lines. A newline in one of them would make two of it: nothing is run then. Throws TemporaryError with the tool's words if it complained; or if the child ended
   * or gave no answer: then nobody knows what has run. Pieces of work must not overlap.
   */
  async run(lines: readonly string[], signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { tool } = this.#dialect;
    if (lines.some((line) => line.includes('\n'))) throw new Error('a line with a newline');
    if (this.#pending !== undefined) throw new TemporaryError(`${tool} is still busy with the change before`);
    const child = this.#open();
    this.#asked += 1;
    const { text, mark } = this.#dialect.ask(lines, this.#asked);
    const answered = new Promise<void>((resolve, reject) => {
      this.#pending = { mark, resolve, reject };
    });
    const timer = this.#clock.after(this.#dialect.deadlineMs(lines), () =>
      this.#end(new TemporaryError(`${tool} gave no answer`)),
    );
    const onAbort = (): void =>
      this.#end(new TemporaryError(`${tool} was interrupted`, { cause: signal.reason }));
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      child.stdin.write(text);
      await answered;
    } catch (error) {
      // A child that was given up may still be at its last line: what comes next must not be overtaken by it.
      if (this.#child !== child) await child.exited;
      throw error;
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
    const { tool, argv, answersOn } = this.#dialect;
    this.#life = new AbortController();
    const child = this.#exec.open([...argv], this.#life.signal);
    this.#child = child;
    this.#said = '';
    const onStdout = answersOn === 'stdout';
    const [answers, other] = onStdout ? [child.stdout, child.stderr] : [child.stderr, child.stdout];
    let complained = '';
    if (onStdout)
      other.on('data', (chunk: Buffer) => {
        complained = `${complained}${chunk}`.slice(-MAX_TOLD);
      });
    else other.resume();
    answers.setEncoding('utf8');
    answers.on('data', (text: string) => {
      if (this.#child === child) this.#hear(text);
    });
    void child.exited.then(({ why }) => {
      if (this.#child !== child) return;
      const said = onStdout ? complained : this.#said.slice(0, MAX_TOLD);
      this.#end(new TemporaryError(`${tool} ended: ${why} ${printable(said)}`.trim()));
    });
    return child;
  }

  #hear(text: string): void {
    this.#said += text;
    const pending = this.#pending;
    const answer = pending && this.#dialect.answer(this.#said, pending.mark);
    if (pending === undefined || answer === undefined) {
      this.#said = this.#said.slice(-MAX_ERROR_TEXT);
      return;
    }
    this.#said = answer.rest;
    this.#pending = undefined;
    this.#answers += 1;
    const error = answer.error.trim();
    if (error === '') pending.resolve();
    else pending.reject(complaint(this.#dialect.tool, { code: 1, stderr: error }));
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
