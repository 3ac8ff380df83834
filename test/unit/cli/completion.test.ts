import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { scriptFor } from '../../../src/cli/verbs/completion.ts';
import { ControlServer } from '../../../src/control/server.ts';
import { silentLog } from '../../../src/log.ts';

const ENTRY = join(import.meta.dirname, '../../../src/cli/entry.ts');
const MAC = '02:00:00:00:01:02';

const execute = promisify(execFile);
let folder: string;
let server: ControlServer;

/** An agent that knows two devices, a group and a policy. */
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hedgerow-completion-'));
  writeFileSync(join(folder, 'there.yaml'), `control: {socket: ${join(folder, 'there.sock')}}`);
  writeFileSync(join(folder, 'gone.yaml'), `control: {socket: ${join(folder, 'gone.sock')}}`);
  const run = async () => ({
    devices: ['Living room TV', MAC],
    groups: ['kids'],
    policies: ['deadbeef'],
    routers: ['attic'],
  });
  const methods = new Map([['completion', { params: z.any(), run }]]);
  server = new ControlServer({ path: join(folder, 'there.sock'), methods, log: silentLog });
  await server.start(AbortSignal.timeout(5_000));
  writeFileSync(join(folder, 'script'), scriptFor('bash'));
});

afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Runs a script in a real bash that knows `hedgerow`; answers its lines. */
async function bash(script: string, config = 'there.yaml'): Promise<string[]> {
  const hedgerow = `hedgerow() { "${process.execPath}" "${ENTRY}" "$@"; }`;
  const environment = { ...process.env, HEDGEROW_CONFIG: join(folder, config) };
  const { stdout } = await execute('bash', ['-c', `${hedgerow}\n${script}`], {
    env: environment,
    timeout: 30_000,
  });
  return stdout.split('\n').filter((line) => line !== '');
}

/** What bash would offer for these words, the last of which is being typed. */
async function offered(words: readonly string[], config?: string): Promise<string[]> {
  const quoted = words.map((word) => `'${word.replaceAll("'", String.raw`'\''`)}'`).join(' ');
  return bash(
    `source "${join(folder, 'script')}"
    COMP_WORDS=(hedgerow ${quoted}); COMP_CWORD=${words.length}
    _hedgerow
    printf '%s\\n' "\${COMPREPLY[@]}"`,
    config,
  );
}

describe('completion', { timeout: 60_000 }, () => {
  it('in bash is a script that bash takes', async () => {
    expect(await bash('hedgerow completion bash | bash -n && echo valid')).toEqual(['valid']);
  });

  it.each([
    ['verbs', ['aud'], ['audit']],
    ['the verbs of a verb', ['store', ''], ['check', 'repair']],
    ['options', ['block', '--rea'], ['--reason']],
    ['shells', ['completion', ''], ['bash', 'zsh', 'fish']],
    ['devices and groups, ready to be typed', ['block', ''], [String.raw`Living\ room\ TV`, MAC, 'kids']],
    ['a name in any case', ['block', 'liv'], [String.raw`Living\ room\ TV`]],
    ['a name within quotes', ['block', '"Liv'], ['Living room TV']],
    [
      'a name that was begun with a backslash',
      ['block', String.raw`Living\ r`],
      [String.raw`Living\ room\ TV`],
    ],
    ['policies where they can be named', ['unblock', 'dead'], ['deadbeef']],
    // Bash takes a MAC apart, and puts what it is given in the place of the last part.
    ['the rest of a MAC', ['block', '02', ':', '00', ':', '00'], ['00:00:01:02']],
    ['routers', ['ask', ''], ['attic', 'all']],
    ['what another router can be asked', ['ask', 'attic', 'pol'], ['policies']],
    ['what that takes', ['ask', 'attic', 'flows', '--to'], ['--top']],
    ['nothing where nothing fits', ['block', 'zebra'], []],
  ])('in bash offers %s', async (_, words, offers) => {
    expect(await offered(words)).toEqual(offers);
  });

  it('says nothing of an agent that is not there', async () => {
    expect(await offered(['block', ''], 'gone.yaml')).toEqual([]);
    expect(await offered(['aud'], 'gone.yaml')).toEqual(['audit']);
  });
});
