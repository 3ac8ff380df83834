import { PassThrough } from 'node:stream';
import { UnavailableError } from '../../../../src/errors.ts';
import type { Child, Exec, Finished } from '../../../../src/local/exec.ts';

/** Commands whose answers a test writes. What `answer` does not know is not installed. */
export class ScriptedExec implements Exec {
  readonly ran: { argv: string; input: string | undefined }[] = [];
  readonly children: ScriptedChild[] = [];
  readonly #answer: (argv: string, input: string | undefined) => Partial<Finished> | undefined;

  constructor(answer: (argv: string, input: string | undefined) => Partial<Finished> | undefined) {
    this.#answer = answer;
  }

  async run(
    argv: readonly string[],
    options: { input?: string | undefined; signal?: AbortSignal | undefined } = {},
  ) {
    options.signal?.throwIfAborted();
    const line = argv.join(' ');
    this.ran.push({ argv: line, input: options.input });
    const answer = this.#answer(line, options.input);
    if (answer === undefined) throw new UnavailableError(`${argv[0]} is not installed`);
    return { code: 0, stdout: '', stderr: '', ...answer };
  }

  open(argv: readonly string[], signal: AbortSignal): Child {
    const child = new ScriptedChild(argv.join(' '));
    signal.addEventListener('abort', () => child.end(-1, 'aborted'));
    this.children.push(child);
    return child;
  }
}

/** A child whose words a test speaks. */
export class ScriptedChild implements Child {
  readonly pid = 1;
  readonly stdin = new PassThrough({ encoding: 'utf8' });
  readonly stdout = new PassThrough();
  readonly stderr = new PassThrough();
  readonly exited: Promise<{ code: number; why: string }>;
  readonly argv: string;
  heard = '';
  #exit: (how: { code: number; why: string }) => void = () => undefined;

  constructor(argv: string) {
    this.argv = argv;
    this.exited = new Promise((resolve) => {
      this.#exit = resolve;
    });
    this.stdin.on('data', (text: string) => {
      this.heard += text;
    });
  }

  end(code: number, why: string): void {
    this.#exit({ code, why });
  }

  kill(): void {
    this.end(-1, 'killed');
  }
}

/** Lets streams and promises settle. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 10; i++) await new Promise<void>((resolve) => setImmediate(resolve));
}
