import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readPlan } from '../../src/local/enforce/plan-restore.ts';
import { Random } from '../sim/random.ts';

const KEEPER = fileURLToPath(new URL('plan-keeper.ts', import.meta.url));
const ROUNDS = 2;
const COPIES = 14;
const { signal } = new AbortController();
const dice = new Random(20_261_122);

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'hedgerow-plan-kills-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The one plan that a boot from this folder would put in force, whole. */
async function numberAtBoot(from: string): Promise<number> {
  const { plan, torn } = await readPlan(join(from, 'plan'), signal);
  const text = plan.backend === 'ipset' ? plan.sets.v4.blocking : '';
  const remotes = [...text.matchAll(/^add hedge-R-4 10\.(\d+)\.(\d+)\.(\d+)$/gm)];
  const numbers = new Set(remotes.map(([, high, low]) => Number(high) * 256 + Number(low)));
  expect([remotes.length, numbers.size], torn).toEqual([120, 1]);
  return [...numbers][0] ?? 0;
}

test('whatever kill -9 or a power cut leaves has the newest change that was told of, while plans are written whole', async () => {
  let copies = 0;
  let wholes = 0;
  let former = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const keeper = spawn(process.execPath, [KEEPER, join(folder, 'plan')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const ended = once(keeper, 'exit');
    let told = 0;
    let next = 1 + dice.below(8);
    for await (const chunk of keeper.stdout.setEncoding('utf8')) {
      told = Number(String(chunk).trim().split('\n').at(-1));
      if (told < next) continue;
      next = told + 1 + dice.below(8);
      copies += 1;
      const copy = join(folder, `copy-${copies}`);
      mkdirSync(copy);
      // The plan first: what goes with it outlasts the next one.
      for (const name of ['plan', 'plan.changes.0', 'plan.changes.1'])
        if (existsSync(join(folder, name))) copyFileSync(join(folder, name), join(copy, name));
      const { changes } = await readPlan(join(copy, 'plan'), signal);
      if (changes < former) wholes += 1;
      former = changes;
      expect(await numberAtBoot(copy)).toBeGreaterThanOrEqual(told);
      rmSync(copy, { recursive: true });
      if (copies % COPIES === 0) break;
    }
    keeper.kill('SIGKILL');
    await ended;
    expect(await numberAtBoot(folder)).toBeGreaterThanOrEqual(told);
  }
  expect(copies).toBe(ROUNDS * COPIES);
  expect(wholes).toBeGreaterThan(ROUNDS);
});
