import { PassThrough } from 'node:stream';
import { UnavailableError } from '../../../../src/errors.ts';
import type { Child, Exec, Finished } from '../../../../src/local/exec.ts';

export interface ScriptedChild {
  readonly argv: readonly string[];
  readonly stdout: PassThrough;
  readonly stderr: PassThrough;
  /** Ends the child by itself. */
  exit(code: number): void;
}

/** `missing`: the command is not installed. */
type Answer = Partial<Finished> | 'missing' | undefined;

/** Commands whose answers a test writes. A command without an answer fails with code 127. */
export class ScriptedExec implements Exec {
  /** Every command that was run or opened, in order. */
  readonly calls: string[] = [];
  /** Children that were opened and have not ended. */
  readonly children = new Set<ScriptedChild>();
  #answer: (command: string) => Answer;

  constructor(answer: (command: string) => Answer) {
    this.#answer = answer;
  }

  set(answer: (command: string) => Answer): void {
    this.#answer = answer;
  }

  async run(argv: readonly string[]): Promise<Finished> {
    if (argv[0] === 'sh' && argv[1] === '-c') return this.#script(argv[2] ?? '');
    const command = argv.join(' ');
    this.calls.push(command);
    return this.#told(command) ?? { code: 127, stdout: '', stderr: 'no such command' };
  }

  /** Commands with an answer print it and end; others live until they are killed. */
  open(argv: readonly string[], signal: AbortSignal): Child {
    const command = argv.join(' ');
    this.calls.push(command);
    const [stdout, stderr] = [new PassThrough(), new PassThrough()];
    const { promise, resolve } = Promise.withResolvers<{ code: number; why: string }>();
    const end = (code: number) => {
      this.children.delete(child);
      stdout.end();
      stderr.end();
      resolve({ code, why: `exit code ${code}` });
    };
    const child: ScriptedChild = { argv, stdout, stderr, exit: end };
    this.children.add(child);
    signal.addEventListener('abort', () => end(-1), { once: true });
    const answer = this.#told(command);
    if (answer !== undefined) {
      stdout.write(answer.stdout ?? '');
      stderr.write(answer.stderr ?? '');
      setImmediate(() => end(answer.code ?? 0));
    }
    return {
      pid: 4711,
      stdin: new PassThrough(),
      stdout,
      stderr,
      exited: promise,
      kill: () => end(-1),
    };
  }

  /** Commands with something printed between them, the first of which may end it: as one looks at interfaces. */
  async #script(script: string): Promise<Finished> {
    let stdout = '';
    for (const [at, command] of script.split("; printf '\\n@\\n'; ").entries()) {
      const { code, ...said } = await this.run(command.replace(' || exit', '').split(' '));
      if (at === 0 && code !== 0) return { code, ...said };
      stdout += `${at === 0 ? '' : '\n@\n'}${said.stdout}`;
    }
    return { code: 0, stdout, stderr: '' };
  }

  child(word: string): ScriptedChild {
    const found = [...this.children].find(({ argv }) => argv.join(' ').includes(word));
    if (found === undefined) throw new Error(`no child runs ${word}`);
    return found;
  }

  #told(command: string): Finished | undefined {
    const answer = this.#answer(command);
    if (answer === 'missing') throw new UnavailableError(`${command} is not installed`);
    return answer === undefined ? undefined : { code: 0, stdout: '', stderr: '', ...answer };
  }
}

/** Lets streams and promises settle. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 10; i++) await new Promise<void>((resolve) => setImmediate(resolve));
}
