import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { scriptFor } from '../../src/cli/verbs/completion.ts';
import { ControlServer } from '../../src/control/server.ts';
import { silentLog } from '../../src/log.ts';

const ENTRY = join(import.meta.dirname, '../../src/cli/entry.ts');
const MAC = '02:00:00:00:01:02';
const execute = promisify(execFile);
let folder: string;
let server: ControlServer;

/** An agent that knows two devices, a group, a policy and two routers; and a `hedgerow` on the PATH. */
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hedgerow-shells-'));
  writeFileSync(join(folder, 'config.yaml'), `control: {socket: ${join(folder, 'sock')}}`);
  const known = {
    devices: ['Living room TV', MAC],
    groups: ['kids'],
    policies: ['deadbeef'],
    routers: ['attic', 'kitchen'],
  };
  const methods = new Map([['completion', { params: z.any(), run: async () => known }]]);
  server = new ControlServer({ path: join(folder, 'sock'), methods, log: silentLog });
  await server.start(AbortSignal.timeout(5_000));
  mkdirSync(join(folder, 'bin'));
  const hedgerow = join(folder, 'bin/hedgerow');
  writeFileSync(hedgerow, `#!/bin/sh\nexec "${process.execPath}" "${ENTRY}" "$@"\n`);
  chmodSync(hedgerow, 0o755);
  for (const shell of ['zsh', 'fish'] as const) writeFileSync(join(folder, shell), scriptFor(shell));
});

afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function run(shell: string, ...args: string[]): Promise<string> {
  const env = {
    ...process.env,
    PATH: `${join(folder, 'bin')}:${process.env.PATH}`,
    HEDGEROW_CONFIG: join(folder, 'config.yaml'),
    HOME: folder,
    TERM: 'dumb',
  };
  const { stdout } = await execute(shell, args, { env, timeout: 30_000 });
  return stdout;
}

/** What a real fish would offer behind each of these lines. */
async function fish(...typed: string[]): Promise<string[]> {
  const each = typed.map((line) => `complete -C ${JSON.stringify(line)}; echo .`).join('; ');
  const out = await run('fish', '--no-config', '-c', `source ${folder}/fish; ${each}`);
  return out.split('.\n').map((part) => part.trim());
}

/** What stands on the line of a real zsh, in a pseudo-terminal of its own, after each of these and the tab key. */
async function zsh(...typed: string[]): Promise<string[]> {
  const setUp = [
    'PROMPT=; autoload -Uz compinit; compinit -u -D',
    `source ${folder}/zsh`,
    'tell() { print -r -- "<<$BUFFER>>"; zle kill-whole-line }; zle -N tell; bindkey "^X" tell',
    'setopt no_beep; print READY',
  ].join('; ');
  const script = String.raw`
    zmodload zsh/zpty
    typeset out= part=
    hear() {
      integer tries=0
      out=
      while [[ $out != $~1 ]] && (( tries++ < 300 )); do zpty -r -t z part && out+=$part || sleep 0.05; done
    }
    zpty -b z zsh -f -i
    zpty -w z '${setUp}'
    hear '*READY*READY*'
    for line in "$@"; do
      zpty -w -n z "$line"$'\t\x18'
      hear '*>>*'
      print -r -- "$out"
    done
    zpty -d z`;
  const out = await run('zsh', '-f', '-c', script, 'zsh', ...typed);
  return [...out.matchAll(/<<(.*)>>/g)].map(([, line = '']) => line.trim());
}

describe('completion', { timeout: 60_000 }, () => {
  it('in fish offers verbs, options, names with spaces and colons, and routers', async () => {
    expect(
      await fish(
        'hedgerow blo',
        'hedgerow block --rea',
        'hedgerow block Liv',
        'hedgerow block 02:00',
        'hedgerow ask kit',
      ),
    ).toEqual(['block', '--reason', 'Living room TV', MAC, 'kitchen', '']);
  });

  it('in zsh completes them on the line', async () => {
    expect(
      await zsh('hedgerow unbl', 'hedgerow block Liv', 'hedgerow block 02:00', 'hedgerow ask kit'),
    ).toEqual([
      'hedgerow unblock',
      String.raw`hedgerow block Living\ room\ TV`,
      `hedgerow block ${MAC}`,
      'hedgerow ask kitchen',
    ]);
  });
});
