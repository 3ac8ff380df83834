import { afterEach, describe, expect, it, vi } from 'vitest';
import { peers } from '../../../src/cli/verbs/peers.ts';
import { tolerance } from '../../../src/cli/verbs/tolerance.ts';
import type { ToleranceChange } from '../../../src/control/commands/tolerance.ts';
import type { ToleranceRow } from '../../../src/control/views/tolerances.ts';
import { peerRow } from '../../support/peer-row.ts';

afterEach(() => void vi.restoreAllMocks());

/** What a verb prints when the agent answers so, and what it asked for. */
async function said(verb: { handler: (args: never) => unknown }, args: object, answer: unknown) {
  const asked: unknown[] = [];
  let printed = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed += String(text);
    return true;
  });
  const asks = async (...request: unknown[]) => {
    asked.push(request);
    return answer;
  };
  const common = { json: false, csv: false, watch: false, wide: false, dryRun: false, asks };
  await verb.handler({ ...common, ...args } as never);
  vi.restoreAllMocks();
  return { printed, asked };
}

describe('hedgerow peers', () => {
  const rows = [peerRow('kitchen'), peerRow('shed', { state: 'suspect', heardBy: 'kitchen' })];

  it('shows a table, or all there is', async () => {
    const { printed, asked } = await said(peers, {}, rows);
    expect(printed).toMatch(/^1 alive, 1 suspect\n\nROUTER .*\nkitchen .*\nshed +suspect, heard by kitchen/);
    expect(asked).toEqual([['peers', {}]]);
    expect((await said(peers, { wide: true }, rows)).printed).toContain('LAST ERROR');
    expect(JSON.parse((await said(peers, { json: true }, rows)).printed)).toHaveLength(2);
  });

  it('has a value for every column of a spreadsheet', async () => {
    const { printed } = await said(peers, { csv: true }, rows);
    const [head = '', first = '', second = ''] = printed.split('\r\n').map((line) => line.split(','));
    expect(first).toHaveLength(head.length);
    expect(second).toHaveLength(head.length);
    const of = (name: string) => second[head.indexOf(name)];
    expect(of('state')).toBe('suspect');
    expect(of('heard_by')).toBe('kitchen');
    expect(of('link_reason')).toBe('all');
    expect(of('clock_ahead_seconds')).toBe('0.3');
    expect(of('last_error')).toBe('');
  });
});

describe('hedgerow tolerance', () => {
  const row: ToleranceRow = {
    router: 'shed',
    peer: 'ab'.repeat(32),
    setSeconds: 240,
    toleranceSeconds: 240,
    stretched: false,
    theirToleranceSeconds: undefined,
  };
  const change: ToleranceChange = { dryRun: false, changed: true, routers: [row], notes: ['a note'] };

  it('shows all, or one by its name or key', async () => {
    const other = {
      ...row,
      router: 'kitchen',
      peer: 'cd'.repeat(32),
      setSeconds: undefined,
      stretched: true,
    };
    const { printed } = await said(tolerance, {}, [row, other]);
    expect(printed.split('\n').slice(1, 3)).toEqual(
      [
        'shed     4 min                            4 min     –',
        'kitchen  4 min (it cannot speak more often)  default   –',
      ].map((line) =>
        expect.stringMatching(new RegExp(line.replaceAll(/ {2,}/g, ' +').replaceAll(/[()]/g, '\\$&'))),
      ),
    );
    for (const router of ['SHED', 'abab'])
      expect((await said(tolerance, { router }, [row, other])).printed).not.toContain('kitchen');
    await expect(said(tolerance, { router: 'attic' }, [row, other])).rejects.toMatchObject({
      hint: 'there are shed, kitchen',
    });
  });

  it('sets one, and says what came of it', async () => {
    const { printed, asked } = await said(tolerance, { router: 'shed', time: '4m' }, change);
    expect(printed).toBe('shed is waited for 4 min\na note\n');
    expect(asked).toEqual([
      ['tolerance.set', { by: expect.any(String), dryRun: false, router: 'shed', time: '4m' }],
    ]);
  });

  it.each<[string, Partial<ToleranceChange>, string]>([
    ['before it is done', { dryRun: true }, 'shed would be waited for 4 min'],
    ['that is so already', { changed: false }, 'shed was already waited for 4 min'],
    ['by default', { routers: [{ ...row, setSeconds: undefined }] }, 'shed is waited for as by default'],
  ])('says what %s', async (_, changes, line) => {
    const { printed } = await said(tolerance, { router: 'shed', time: '4m' }, { ...change, ...changes });
    expect(printed.split('\n')[0]).toBe(line);
  });
});
