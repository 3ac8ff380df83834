import { readFileSync } from 'node:fs';

/** The text of a file under test/fixtures. */
export function fixture(path: string): string {
  return fixtureBytes(path).toString('utf8');
}

/** The lines of a file under test/fixtures that hold something. */
export function fixtureLines(path: string): string[] {
  return fixture(path)
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.startsWith('#'));
}

/** The bytes of a file under test/fixtures. */
export function fixtureBytes(path: string): Buffer {
  return readFileSync(new URL(`../../../fixtures/${path}`, import.meta.url));
}
