import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { allVerbs, type VerbHelp } from '../../../scripts/cli-docs.ts';
import { main } from '../../../src/cli/main.ts';
import { encodeHalt } from '../../../src/local/enforce/halt.ts';

/** Verbs that only look, or write nothing but what a person names. All others change something. */
const LOOKS = new Set([
  ...[
    'agent',
    'status',
    'devices',
    'nodes',
    'flows',
    'ask',
    'policies',
    'peers',
    'audit',
    'export',
    'replay',
  ],
  ...['group', 'home', 'store', 'store check', 'config', 'config print', 'config check', 'config schema'],
  ...['doctor', 'completion', 'stats', 'connections', 'sync'],
]);
/** `agent` logs JSON always, `completion` prints a script, `doctor` looks at the real machine (test/doors). */
const NOT_HERE = new Set(['agent', 'completion', 'doctor']);
const VALUES: Readonly<Record<string, string>> = { view: 'peers', router: 'kitchen' };

const verbs: readonly VerbHelp[] = await allVerbs();
const named = verbs.map((verb) => [verb.words.join(' '), verb] as const);

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'hedgerow-verbs-'));
  writeFileSync(
    join(folder, 'config.yaml'),
    `{agent: {stateDir: ${folder}/state}, control: {socket: ${folder}/sock}}`,
  );
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = 0;
});

/** What a verb prints when no agent is there. */
async function said(...words: string[]): Promise<string> {
  let text = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => {
    text += String(chunk);
    return true;
  });
  await main([...words, '--config', join(folder, 'config.yaml')]);
  return text;
}

const isGroup = (name: string) => verbs.some(({ words }) => words.length > 1 && words[0] === name);
const changes = named.filter(([name]) => !LOOKS.has(name));
const answering = named.filter(
  ([name]) => !NOT_HERE.has(name) && !(isGroup(name) && !['group', 'home'].includes(name)),
);

describe('every verb', () => {
  it.each(changes)('%s, which changes something, can be tried with --dry-run', (_, { help }) => {
    expect(help).toContain('--dry-run');
  });

  it.each(answering)(
    '%s answers a program in one line of JSON, whatever happens',
    async (_, { words, help }) => {
      const usage = help.split('\n')[0] ?? '';
      const more = [...usage.matchAll(/<(\w+)(\.\.)?>/g)].map(([, name = '']) => VALUES[name] ?? 'x');
      const dry = help.includes('--dry-run') ? ['--dry-run'] : [];
      const text = await said(...words, ...more, ...dry, '--json');
      expect(text.trim().split('\n')).toHaveLength(1);
      expect(JSON.parse(text)).toBeTypeOf('object');
    },
  );

  it('tells what it takes', async () => {
    for (const [name, { help }] of named) expect(help, name).toContain('--json');
  });
});

describe('restore', () => {
  it('restores nothing while a person has halted enforcement', async () => {
    mkdirSync(join(folder, 'state'), { recursive: true });
    const file = join(folder, 'state/halt');
    writeFileSync(file, encodeHalt({ kind: 'cleared', by: 'anna', at: 1 }));
    expect(JSON.parse(await said('restore', '--json'))).toEqual({
      restored: false,
      halted: { kind: 'cleared', by: 'anna' },
    });
    vi.restoreAllMocks();
    expect(await said('restore')).toContain('cleared by anna; hedgerow enforce ends that');
    rmSync(file);
  });
});

describe('words that mean nothing', () => {
  it.each([
    ['stats x', 64, /./],
    ['blok tv', 64, /hedgerow blok.*did you mean hedgerow block\?/],
    ['store chek', 64, /did you mean hedgerow store check\?/],
    ['group ad x y', 64, /did you mean hedgerow group add\?/],
    ['zzzzzz', 64, /hedgerow --help tells more/],
    ['status --jsn', 64, /there is no option --jsn.*did you mean --json\?/],
    ['status --zzzzzz', 64, /there is no option --zzzzzz/],
    ['status more', 64, /does not take \\"more\\"/],
    ['block', 64, /something is missing: hedgerow block <what> \[from\]/],
    ['flows --by weak', 64, /is none of device, remote, pair, hour, day/],
    ['completion bsh', 64, /did you mean bash\?/],
    ['store', 64, /check or repair\?/],
    ['flows --csv --json', 64, /goes with neither/],
  ])('%s: exit %i', async (line, code, words) => {
    const text = await said(...line.split(' '), '--json');
    expect(process.exitCode).toBe(code);
    expect(text).toMatch(words);
  });
});
