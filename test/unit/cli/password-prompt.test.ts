import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { setPassword } from '../../../src/cli/password-prompt.ts';
import { PasswordFile } from '../../../src/control/password.ts';
import { FakeClock } from '../../support/fake-clock.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hedgerow-prompt-'));
  path = join(folder, 'password');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const isRight = (password: string) => new PasswordFile(path, new FakeClock()).check(password);

/** A terminal at which somebody types a line after every question; what it shows comes back. */
async function atTerminal(...lines: readonly string[]): Promise<string> {
  const input = Object.assign(new PassThrough(), { isTTY: true });
  const output = new PassThrough();
  let shown = '';
  const left = [...lines];
  output.setEncoding('utf8').on('data', (text: string) => {
    shown += text;
    if (text.endsWith(': ')) input.write(left.shift() ?? '\u0004');
  });
  await setPassword(path, { input, output });
  return shown;
}

describe('hedgerow config password', () => {
  it.each([
    ['seven horses\n', 'seven horses'],
    ['seven horses', 'seven horses'],
    ['seven horses\r\nmore\n', 'seven horses'],
    [' blanks count \n', ' blanks count '],
  ])('takes the first line of what is sent: %j', async (sent, password) => {
    await setPassword(path, { input: Readable.from([Buffer.from(sent)]), output: new PassThrough() });
    expect(await isRight(password)).toBe(true);
  });

  it('refuses nothing, too little and too much', async () => {
    for (const sent of ['', '\n', 'short\n', 'x'.repeat(100_000)]) {
      const input = Readable.from([Buffer.from(sent)]);
      await expect(setPassword(path, { input, output: new PassThrough() })).rejects.toThrow('8 to 256');
    }
  });

  it('asks twice at a terminal, and shows nothing of it', async () => {
    expect(await atTerminal('seven horses\r', 'seven horses\r')).toBe('New password: \nOnce more: \n');
    expect(await isRight('seven horses')).toBe(true);
  });

  it('sets nothing when the two differ, or somebody gives up', async () => {
    await expect(atTerminal('seven horses\r', 'seven houses\r')).rejects.toThrow('not the same');
    await expect(atTerminal('seven hor\u0003')).rejects.toThrow('no password was set');
    await expect(atTerminal('\u0004')).rejects.toThrow('no password was set');
    await expect(isRight('seven horses')).resolves.toBe(false);
  });
});
