import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '../../..');
const page = readFileSync(join(root, 'docs/security.md'), 'utf8');

/** One row of a table whose last column names the tests that hold it. */
interface Row {
  readonly section: string;
  readonly what: string;
  readonly held: string;
}

function rowsOf(text: string): Row[] {
  const rows: Row[] = [];
  let section = '';
  let isHeld = false;
  for (const line of text.split('\n')) {
    if (line.startsWith('## ')) section = line.slice(3);
    if (!line.startsWith('|')) isHeld = false;
    else if (/^\|.*\| held by \|$/.test(line)) isHeld = true;
    else if (isHeld && !/^\|[-|]+\|$/.test(line)) {
      const [, , what = '', held = ''] = line.split('|').map((cell) => cell.trim());
      rows.push({ section, what, held });
    }
  }
  return rows;
}

/** Files and the titles behind each of them: `[name](../test/…) "title" "title", …`. */
function testsOf(held: string): { path: string; titles: string[] }[] {
  return [...held.matchAll(/\]\(\.\.\/(test\/[^)]+)\)((?: "[^"]+")*)/g)].map(
    ([, path = '', titles = '']) => ({
      path,
      titles: [...titles.matchAll(/"([^"]+)"/g)].map(([, title = '']) => title),
    }),
  );
}

/** Whether a file has a test of that title, and runs it. */
function holds(source: string, title: string): boolean {
  const escaped = title.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`\\(\\s*(['"\`])${escaped}\\1\\s*,`).test(source);
}

const rows = rowsOf(page);

describe('the tables of docs/security.md', () => {
  it('are about everybody who could attack', () => {
    const sections = new Set(rows.map(({ section }) => section));
    for (const who of [
      'stranger outside',
      'pre-shared key',
      'device',
      'bad member',
      'stolen',
      'socket',
      'HTTP',
    ])
      expect([...sections].join('\n')).toContain(who);
    expect(rows.length).toBeGreaterThan(60);
  });

  it.each(rows.map((row) => [`${row.section}: ${row.what}`, row] as const))('%s', (_, { held }) => {
    const tests = testsOf(held);
    expect(tests.length, 'names a test').toBeGreaterThan(0);
    for (const { path, titles } of tests) {
      expect(existsSync(join(root, path)), path).toBe(true);
      expect(titles.length, `${path}: names a title`).toBeGreaterThan(0);
      const source = readFileSync(join(root, path), 'utf8');
      for (const title of titles) expect(holds(source, title), `${path} has "${title}"`).toBe(true);
    }
  });
});

describe('where the seeds’ points are', () => {
  const [, table = ''] = readFileSync(join(root, 'docs/protocol.md'), 'utf8').split(
    "## Where the seeds' points are",
  );

  it('names files that there are', () => {
    const named = [...table.matchAll(/`(src\/[^`]+)`/g)].map(([, path = '']) => path);
    expect(named.length).toBeGreaterThan(30);
    expect(named.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });
});
