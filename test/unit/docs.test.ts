import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { parseConfig } from '../../src/config-file.ts';
import { configJsonSchema } from '../../src/control/config-advice.ts';

const root = join(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const all = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map((match) => match[1] ?? '');

const documents = [
  ...readdirSync(root).filter((name) => name.endsWith('.md')),
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
];
const manual = read('README.md') + read('docs/operations.md') + read('docs/cli.md');

describe('the example configuration', () => {
  const file = 'configs/hedgerow.example.yaml';
  const example = read(file);
  /** A key that is commented out has its "#" right before it; comments for people have a blank between. */
  const COMMENTED = /^(\s*)#(\w+:.*)$/gm;

  it('says the defaults', () => {
    expect(parseConfig(example, file)).toEqual(parseConfig('', file));
  });

  it('shows no key that there is not', () => {
    const { agent } = parseConfig(example.replaceAll(COMMENTED, '$1$2'), file);
    expect(agent.name).toBe('attic');
  });

  it('shows every key, and no other', () => {
    const shown = keysOf(parse(example.replaceAll(COMMENTED, '$1$2')));
    expect(shown.sort()).toEqual(keysIn(configJsonSchema()).sort());
  });

  it('says the same defaults as the schema for editors', () => {
    const said = parse(example) as Shape;
    for (const [path, fallback] of defaultsIn(configJsonSchema()))
      expect(
        path.split('.').reduce<unknown>((at, key) => (at as Record<string, unknown>)?.[key], said),
        path,
      ).toEqual(fallback);
  });
});

interface Shape {
  readonly properties?: { readonly [key: string]: Shape };
  readonly default?: unknown;
}

/** With dots; of a list or a value nothing. */
function keysOf(value: unknown, at = ''): string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [];
  return Object.entries(value).flatMap(([key, inner]) => [`${at}${key}`, ...keysOf(inner, `${at}${key}.`)]);
}

function keysIn({ properties = {} }: Shape, at = ''): string[] {
  return Object.entries(properties).flatMap(([key, inner]) => [
    `${at}${key}`,
    ...keysIn(inner, `${at}${key}.`),
  ]);
}

function defaultsIn({ properties = {} }: Shape, at = ''): [string, unknown][] {
  return Object.entries(properties).flatMap(([key, inner]) => [
    ...(inner.default === undefined ? [] : [[`${at}${key}`, inner.default] as [string, unknown]]),
    ...defaultsIn(inner, `${at}${key}.`),
  ]);
}

describe('the documents', () => {
  it('have every verb', () => {
    const main = read('src/cli/verbs.ts');
    const verbs = readdirSync(join(root, 'src/cli/verbs')).map((name) => name.replace(/\.ts$/, ''));
    expect(verbs.length).toBeGreaterThan(10);
    for (const verb of verbs) {
      expect(main, `src/cli/verbs.ts offers ${verb}`).toMatch(new RegExp(`\\b${verb}\\b`));
      expect(manual, verb).toMatch(new RegExp(`hedgerow(?:\\.js)? ${verb}\\b`));
    }
    for (const verb of all(read('src/cli/verbs/home.ts'), /command: '(\w+) </g)) {
      expect(manual, `home ${verb}`).toContain(`hedgerow home ${verb}`);
    }
  });

  it('name no verb that there is not', () => {
    const verbs = readdirSync(join(root, 'src/cli/verbs')).map((name) => name.replace(/\.ts$/, ''));
    const named = all(manual, /[`-] ?hedgerow ([a-z]+)/g);
    expect(named.filter((verb) => !verbs.includes(verb))).toEqual([]);
  });

  it('have the exit codes of the code', () => {
    const codes = [
      ...all(read('src/errors.ts'), /exitCode: (\d+)/g),
      ...readdirSync(join(root, 'src/cli'))
        .filter((name) => name.endsWith('.ts'))
        .flatMap((name) => all(read(join('src/cli', name)), /const EX_\w+ = (\d+)/g)),
    ];
    const told = all(read('docs/operations.md'), /^\| (\d+) \| EX_/gm).filter((code) => code !== '0');
    expect(new Set(told)).toEqual(new Set(codes));
  });

  it.each(documents)('%s links to what is there', (document) => {
    const missing = all(read(document), /\]\(([^)\s]+)\)/g)
      .filter((target) => !/^[a-z]+:/.test(target))
      .map((target) => join(dirname(document), target.replace(/#.*$/, '')))
      .filter((target) => relative('', target).startsWith('..') || !existsSync(join(root, target)));
    expect(missing).toEqual([]);
  });

  it('name only scripts that package.json has', () => {
    const scripts: object = JSON.parse(read('package.json')).scripts;
    const named = all(documents.map(read).join('\n'), /npm run (\w+)/g);
    expect(named.filter((script) => !(script in scripts))).toEqual([]);
  });
});
