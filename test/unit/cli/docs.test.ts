import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { allVerbs, CLI_DOCS, section, type VerbHelp, withSections } from '../../../scripts/cli-docs.ts';

const text = readFileSync(CLI_DOCS, 'utf8');
let verbs: readonly VerbHelp[];
beforeAll(async () => {
  verbs = await allVerbs();
});

describe('docs/cli.md', () => {
  it('has the help of every verb as it is now (else: node scripts/cli-docs.ts)', () => {
    expect(verbs.length).toBeGreaterThan(40);
    for (const verb of verbs) expect(text, verb.words.join(' ')).toContain(section(verb));
  });

  it('has no verb that there is not', () => {
    expect(withSections(text, verbs)).toBe(text);
  });

  it('has an example or says all there is for every verb that takes something', () => {
    for (const { words, help } of verbs) {
      const undescribed = [...help.matchAll(/^ +(--[a-z-]+|[a-z]+) {2,}\[/gm)].map(([line]) => line);
      expect(undescribed, words.join(' ')).toEqual([]);
    }
  });
});
