import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { keepFormerChunks } from '../../../scripts/former-chunks.ts';
import { programReplaced } from '../../../src/control/replaced.ts';

const folder = mkdtempSync(join(tmpdir(), 'upgrade-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('an upgrade while the agent runs', () => {
  it('is told, with what to do, from then on', () => {
    const [program, fresh] = [join(folder, 'hedgerow.js'), join(folder, 'fresh.js')];
    writeFileSync(program, 'one');
    const replaced = programReplaced(program);
    expect(replaced()).toBeUndefined();
    writeFileSync(fresh, 'one');
    renameSync(fresh, program);
    expect(replaced()?.[0]).toContain('restart it');
    rmSync(program);
    expect(replaced()?.[0]).toContain('restart it');
  });

  it('leaves it the parts that it has not loaded yet: those of one build before, and no older ones', async () => {
    const build = async (name: string, text: string, before: string) => {
      const dist = mkdtempSync(join(folder, `${name}-`));
      writeFileSync(join(dist, `chunk-${name}.js`), `export const text = '${text}';`);
      writeFileSync(join(dist, 'hedgerow.js'), '');
      keepFormerChunks(before, dist);
      return dist;
    };
    const load = async (dist: string, name: string) => (await import(join(dist, `chunk-${name}.js`))).text;
    const first = await build('AAAAAAAA', 'first', join(folder, 'none'));
    const second = await build('BBBBBBBB', 'second', first);
    expect(await load(second, 'AAAAAAAA')).toBe('first');
    const third = await build('CCCCCCCC', 'third', second);
    expect(await load(third, 'BBBBBBBB')).toBe('second');
    await expect(load(third, 'AAAAAAAA')).rejects.toThrow();
  });
});
