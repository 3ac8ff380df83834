import { createInterface } from 'node:readline';
import { type Readable, Writable } from 'node:stream';
import { systemClock } from '../clock.ts';
import { PasswordFile } from '../control/password.ts';
import { UsageError } from '../errors.ts';

/** How long a person may take to type it twice, and a program to send it. */
const PATIENCE_MS = 300_000;
/** More than this before the end of the line is no password (bytes). */
const MAX_BYTES = 4_096;

export interface PasswordInput {
  /** Where it is read from: a terminal asks twice and shows nothing, anything else is read up to the end of its first line. */
  readonly input: Readable & { readonly isTTY?: boolean };
  /** Where the questions go. */
  readonly output: Writable;
}

/**
 * Sets the password of this router's doors (`hedgerow config password`).
 * @param path of the file (`pathsOf(config).password`)
 * UsageError when the two differ, when it is too short or too long, or when nothing was typed.
 */
export async function setPassword(path: string, { input, output }: PasswordInput): Promise<void> {
  const signal = AbortSignal.timeout(PATIENCE_MS);
  const password =
    input.isTTY === true ? await askTwice(input, output, signal) : await firstLine(input, signal);
  await new PasswordFile(path, systemClock).set(password);
}

async function askTwice(input: Readable, output: Writable, signal: AbortSignal): Promise<string> {
  const muted = new Writable({ write: (_chunk, _encoding, done) => done() });
  const prompt = createInterface({ input, output: muted, terminal: true, historySize: 0, signal });
  const lines = prompt[Symbol.asyncIterator]();
  const ask = async (question: string) => {
    output.write(question);
    const line = await lines.next();
    output.write('\n');
    // Ctrl-C, Ctrl-D, or nobody there.
    if (line.done === true) throw new UsageError('no password was set');
    return line.value;
  };
  try {
    const password = await ask('New password: ');
    if ((await ask('Once more: ')) !== password) {
      throw new UsageError('the two are not the same', { hint: 'nothing was changed; try again' });
    }
    return password;
  } finally {
    prompt.close();
  }
}

async function firstLine(input: Readable, signal: AbortSignal): Promise<string> {
  const end = () => input.destroy(signal.reason);
  signal.addEventListener('abort', end, { once: true });
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of input) {
      const bytes = Buffer.from(chunk);
      chunks.push(bytes);
      length += bytes.length;
      if (length > MAX_BYTES || bytes.includes(0x0a)) break;
    }
  } finally {
    signal.removeEventListener('abort', end);
  }
  return Buffer.concat(chunks).toString('utf8').split('\n', 1)[0]?.replace(/\r$/, '') ?? '';
}
