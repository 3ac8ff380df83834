import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { ControlServer } from '../../../src/control/server.ts';
import { silentLog } from '../../../src/log.ts';

const ENTRY = join(import.meta.dirname, '../../../src/cli/entry.ts');
const execute = promisify(execFile);
let folder: string;
let server: ControlServer;
/** What the agent was asked. */
let asked: unknown[] = [];

const peer = (router: string) => ({
  router,
  peer: 'ab',
  state: 'alive',
  sinceSeconds: 3,
  applied: true,
  admin: true,
  bytesIn: 0,
  bytesOut: 0,
  toleranceSeconds: 6,
});

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hedgerow-ask-'));
  writeFileSync(join(folder, 'config.yaml'), `control: {socket: ${join(folder, 'sock')}}`);
  const answers = (name: string, answer: unknown) =>
    [
      name,
      {
        params: z.any(),
        run: async (params: unknown) => {
          asked.push([name, params]);
          return answer;
        },
      },
    ] as const;
  const missing = { name: 'TemporaryError', message: 'garage cannot be reached' };
  const methods = new Map([
    answers('ask', [peer('garage')]),
    answers('ask.all', {
      view: 'peers',
      routers: [
        { router: 'attic', peer: 'a', answer: [peer('kitchen')] },
        { router: 'garage', peer: 'c', missing },
        { router: 'kitchen', peer: 'b', answer: [peer('attic')] },
      ],
    }),
  ]);
  server = new ControlServer({ path: join(folder, 'sock'), methods, log: silentLog });
  await server.start(AbortSignal.timeout(5_000));
});

afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function hedgerow(...words: string[]): Promise<{ out: string; err: string; code: number }> {
  asked = [];
  const env = { ...process.env, HEDGEROW_CONFIG: join(folder, 'config.yaml') };
  try {
    const { stdout, stderr } = await execute(process.execPath, [ENTRY, ...words], { env, timeout: 30_000 });
    return { out: stdout, err: stderr, code: 0 };
  } catch (error) {
    const {
      stdout = '',
      stderr = '',
      code = 1,
    } = error as { stdout?: string; stderr?: string; code?: number };
    return { out: stdout, err: stderr, code };
  }
}

describe('hedgerow ask', { timeout: 60_000 }, () => {
  it('shows the view of another router as this one would show its own', async () => {
    const { out, code } = await hedgerow('ask', 'kitchen', 'peers');
    expect(out).toMatch(/^1 alive\n\nROUTER.*\ngarage +alive/);
    expect(code).toBe(0);
    expect(asked).toEqual([['ask', { router: 'kitchen', view: 'peers', params: {} }]]);
  });

  it('takes the options of the view', async () => {
    await hedgerow('ask', 'kitchen', 'flows', '--top', '3', '--json');
    expect(asked).toMatchObject([['ask', { view: 'flows', params: { top: 3 } }]]);
    const wrong = await hedgerow('ask', 'kitchen', 'flows', '--tpo', '3');
    expect(wrong.code).toBe(64);
    expect(asked).toEqual([]);
  });

  it('shows all routers one after another, and names who did not answer', async () => {
    const { out, err } = await hedgerow('ask', 'all', 'peers');
    expect(out).toMatch(/^attic\n1 alive\n\nROUTER.*\nkitchen .*\nkitchen\n1 alive\n\nROUTER.*\nattic /);
    expect(err).toBe('! garage cannot be reached\n');
    expect(asked).toEqual([['ask.all', { view: 'peers', params: {} }]]);
  });

  it('gives programs everything', async () => {
    const { out } = await hedgerow('ask', 'all', 'peers', '--json');
    expect(JSON.parse(out)).toMatchObject({ routers: [{}, { missing: {} }, {}] });
  });

  it('refuses what is no view, and to watch', async () => {
    expect((await hedgerow('ask', 'kitchen', 'block')).code).toBe(64);
    const { code, err } = await hedgerow('ask', 'kitchen', 'flows', '--watch');
    expect(code).toBe(64);
    expect(err).toContain('another router is asked once');
  });
});
