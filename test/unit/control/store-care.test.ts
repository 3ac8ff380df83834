import { describe, expect, it } from 'vitest';
import { offerStore } from '../../../src/control/methods/store.ts';
import {
  type CareProgress,
  type CareReport,
  type CareRun,
  StoreCare,
} from '../../../src/control/store-care.ts';

const SOUND: CareReport = { ok: true, counts: { ops: 2 }, wrong: [], mended: [] };

/** A task that goes one step further each time it is told to, and keeps what it was started with. */
function stepwise() {
  let go = (): void => undefined;
  const signals: AbortSignal[] = [];
  const run: CareRun = async function* (task, signal): AsyncGenerator<CareProgress, CareReport> {
    signals.push(signal);
    for (const done of [1, 2]) {
      await new Promise<void>((resolve) => {
        go = resolve;
      });
      signal.throwIfAborted();
      yield { done, of: 2 };
    }
    return { ...SOUND, mended: task === 'repair' ? ['a page'] : [] };
  };
  const step = async () => {
    go();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { run, step, signals };
}

describe('care of the store', () => {
  it('tells how far it is, then what came out', async () => {
    const { run, step } = stepwise();
    const care = new StoreCare(run, new AbortController().signal);
    expect(care.view).toBeUndefined();
    expect(care.begin('check')).toMatchObject({ task: 'check', running: true, progress: { done: 0 } });
    await step();
    expect(care.view).toMatchObject({ running: true, progress: { done: 1, of: 2 }, report: undefined });
    await step();
    expect(care.view).toMatchObject({ running: false, progress: { done: 2 }, report: SOUND });
  });

  it('is one task at a time: the same is joined, another is refused', async () => {
    const { run, step, signals } = stepwise();
    const care = new StoreCare(run, new AbortController().signal);
    care.begin('check');
    await step();
    expect(care.begin('check')).toMatchObject({ progress: { done: 1 } });
    expect(signals).toHaveLength(1);
    expect(() => care.begin('repair')).toThrow(expect.objectContaining({ name: 'TemporaryError' }));
    await step();
    expect(care.begin('repair')).toMatchObject({ task: 'repair', running: true });
  });

  it('ends with the store, and says so', async () => {
    const { run, step } = stepwise();
    const life = new AbortController();
    const care = new StoreCare(run, life.signal);
    care.begin('check');
    life.abort(new Error('the agent stops'));
    await step();
    expect(care.view).toMatchObject({ running: false, report: undefined, failed: 'the agent stops' });
  });

  it('is offered under the words of the command line', async () => {
    const { run } = stepwise();
    const offered = new Map<string, (params: never) => unknown>();
    offerStore(
      (name, _, method) => void offered.set(name, method),
      new StoreCare(run, new AbortController().signal),
    );
    expect([...offered.keys()]).toEqual(['store.check', 'store.repair', 'store.progress']);
    expect(offered.get('store.progress')?.({} as never)).toBeNull();
    expect(offered.get('store.repair')?.({} as never)).toMatchObject({ task: 'repair' });
    expect(offered.get('store.progress')?.({} as never)).toMatchObject({ task: 'repair', running: true });
  });
});
