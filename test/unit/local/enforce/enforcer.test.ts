import { beforeEach, describe, expect, test, vi } from 'vitest';
import type { Counter, Outcome } from '../../../../src/local/enforce/backend.ts';
import { DriftWatch, NFT_MONITOR } from '../../../../src/local/enforce/drift-watch.ts';
import { Enforcer } from '../../../../src/local/enforce/enforcer.ts';
import { FakeBackend } from '../../../../src/local/enforce/fake-backend.ts';
import { silentLog } from '../../../../src/log.ts';
import { type BlockSet, emptyBlockSet, ROUTER } from '../../../../src/policy/block-set.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { blockSet, owner } from './block-sets.ts';
import { ScriptedExec, settle } from './scripted-exec.ts';

const { signal } = new AbortController();
const blocked = blockSet([owner('1', ['192.168.1.20'], ['203.0.113.7'])]);

/** A backend whose `set` waits until the test lets it go on. */
class SlowBackend extends FakeBackend {
  waiting: (() => void)[] = [];
  override async set(want: BlockSet, inner: AbortSignal): Promise<Outcome> {
    await new Promise<void>((resolve, reject) => {
      this.waiting.push(resolve);
      inner.addEventListener('abort', () => reject(inner.reason));
    });
    return super.set(want, inner);
  }
}

let clock: FakeClock;
let backend: FakeBackend;
let desired: { state: string; blockSet: BlockSet; atBoot?: BlockSet };
let applied: string[];
function enforcer(over: FakeBackend = backend): Enforcer {
  return new Enforcer({
    backend: over,
    desired: () => desired,
    onApplied: (state) => applied.push(state),
    clock,
    log: silentLog,
  });
}
beforeEach(() => {
  clock = new FakeClock();
  backend = new FakeBackend();
  desired = { state: 'one', blockSet: blocked };
  applied = [];
});

/** What the enforcer has handed over of plans; the disk answers when the test says so. */
class Plans {
  readonly kept: string[] = [];
  readonly waiting: (() => void)[] = [];
  problem: string | undefined;
  keep(state: string): Promise<void> | undefined {
    this.kept.push(state);
    return new Promise((resolve) => void this.waiting.push(resolve));
  }
  pending(): Promise<void> | undefined {
    return this.waiting.length === 0 ? undefined : new Promise((resolve) => void this.waiting.push(resolve));
  }
  async flush(): Promise<void> {
    for (const done of this.waiting.splice(0)) done();
  }
}

test('what the kernel has not acknowledged is told as under way, with what is in force meanwhile', async () => {
  const slow = new SlowBackend();
  const one = enforcer(slow);
  const goOn = async () => {
    slow.waiting.shift()?.();
    await settle();
  };
  await one.start(signal);
  expect(one.underWay()).toBeUndefined();
  one.notify();
  await settle();
  expect(one.underWay()).toEqual({ seconds: 0, before: emptyBlockSet });
  await goOn();
  expect(one.underWay()).toBeUndefined();
  desired = { state: 'two', blockSet: blockSet([]) };
  one.notify();
  await settle();
  await clock.advance(4_000);
  expect(one.underWay()).toEqual({ seconds: 4, before: blocked });
  await goOn();
  expect(one.underWay()).toBeUndefined();
  await one.stop();
});

describe('the plan for the next boot', () => {
  const trial = blockSet([owner('1', ['192.168.1.20'], ['203.0.113.7'], [], { internet: true })]);
  const planned = () => {
    const plans = new Plans();
    const asked: (BlockSet | undefined)[] = [];
    backend.plan = (of?: BlockSet) => void asked.push(of);
    const one = new Enforcer({
      backend,
      desired: () => desired,
      onApplied: (state) => applied.push(state),
      clock,
      log: silentLog,
      planFile: plans,
    });
    return { one, plans, asked };
  };

  test('is what was acknowledged, but of a trial what lasts', async () => {
    const { one, asked } = planned();
    await one.start(signal);
    one.notify();
    await settle();
    desired = { state: 'two', blockSet: trial, atBoot: blocked };
    one.notify();
    await settle();
    // The first time the backend holds just that.
    expect(asked).toEqual([undefined, blocked]);
    await one.stop();
  });

  test('is kept after a run that failed had put a part in force, though the next has nothing to add', async () => {
    const { one, plans } = planned();
    await one.start(signal);
    one.notify();
    await settle();
    const set = backend.set.bind(backend);
    const failing = vi.spyOn(backend, 'set').mockImplementationOnce(async (want, inner) => {
      await set(want, inner);
      throw new Error('nft: no');
    });
    desired = { state: 'two', blockSet: trial };
    one.notify();
    await settle();
    expect(plans.kept).toEqual(['one']);
    await clock.advance(500);
    expect(failing).toHaveBeenCalledTimes(2);
    expect(backend.outcomes.map(({ did }) => did)).toEqual(['resync', 'update', 'unchanged']);
    expect(plans.kept).toEqual(['one', 'two']);
    await one.stop();
  });

  test('is on the disk before it is told that a change is in force; the next change does not wait for that', async () => {
    const { one, plans } = planned();
    await one.start(signal);
    one.notify();
    await settle();
    desired = { state: 'two', blockSet: trial };
    one.notify();
    await settle();
    expect(backend.outcomes).toHaveLength(2);
    expect(plans.kept).toEqual(['one', 'two']);
    expect(applied).toEqual([]);
    // What changes nothing is told after what it came after.
    desired = { state: 'three', blockSet: trial };
    one.notify();
    await settle();
    expect(applied).toEqual([]);
    await plans.flush();
    await settle();
    expect(applied).toEqual(['one', 'two', 'three']);
    plans.problem = 'the disk is full';
    expect(one.health().planProblem).toBe('the disk is full');
    await one.stop();
  });
});

describe('enforcer', () => {
  test('nothing is enforced before the first notice, then at once', async () => {
    const one = enforcer();
    one.notify();
    await one.start(signal);
    await clock.advance(30_000);
    expect(backend.outcomes).toEqual([]);
    expect(one.health().enforcing).toBe(false);
    one.notify();
    await settle();
    expect(applied).toEqual(['one']);
    expect(backend.blocks('192.168.1.20', '203.0.113.7')).toBe(true);
    expect(one.health()).toEqual({
      enforcing: true,
      standing: undefined,
      backend: 'fake',
      failures: 0,
      lastError: undefined,
      driftRepairs: 0,
      halted: undefined,
      lastDrift: undefined,
      noticing: undefined,
    });
    await one.stop();
    await one.stop();
    expect(backend.blocks('192.168.1.20', '203.0.113.7')).toBe(true);
  });

  test('what an earlier run has left in force is told until it is taken over, and after a failure again', async () => {
    const answers: (boolean | Error)[] = [true];
    let asked = 0;
    const areRulesAtWork = async (): Promise<boolean> => {
      asked += 1;
      const answer = answers.shift();
      if (typeof answer === 'boolean') return answer;
      throw answer ?? new Error('asked too often');
    };
    const one = new Enforcer({
      backend,
      desired: () => desired,
      onApplied: () => undefined,
      clock,
      log: silentLog,
      areRulesAtWork,
    });
    expect(one.health()).toMatchObject({ enforcing: false, standing: undefined });
    await one.start(signal);
    await settle();
    expect(one.health()).toMatchObject({ enforcing: false, standing: true });
    one.notify();
    await settle();
    expect(one.health()).toMatchObject({ enforcing: true, standing: undefined });
    await clock.advance(60_000);
    expect(asked).toBe(1);
    // Somebody has flushed all, and the tool fails.
    answers.push(false, new Error('ipset hangs'));
    vi.spyOn(backend, 'set')
      .mockRejectedValueOnce(new Error('ipset: no'))
      .mockRejectedValueOnce(new Error('no'));
    desired = { state: 'two', blockSet: blockSet([]) };
    one.notify();
    await settle();
    expect(one.health()).toMatchObject({ enforcing: false, standing: false, lastError: 'ipset: no' });
    await clock.advance(500);
    expect(one.health()).toMatchObject({ enforcing: false, standing: undefined, lastError: 'no' });
    await clock.advance(2_000);
    expect(one.health()).toMatchObject({ enforcing: true });
    await one.stop();
  });

  test('a run begins after what is under way: of several notices of one moment there is one', async () => {
    const one = enforcer();
    await one.start(signal);
    one.notify();
    desired = { ...desired, state: 'two' };
    one.notify();
    expect(backend.outcomes).toEqual([]);
    await settle();
    expect(applied).toEqual(['two']);
    await one.stop();
  });

  test('notices during a run mean one more run, with the newest snapshot', async () => {
    const slow = new SlowBackend();
    const one = enforcer(slow);
    await one.start(signal);
    one.notify();
    await settle();
    for (const state of ['two', 'three', 'four']) {
      desired = { ...desired, state };
      one.notify();
    }
    await settle();
    expect(slow.waiting).toHaveLength(1);
    slow.waiting.shift()?.();
    await settle();
    expect(slow.waiting).toHaveLength(1);
    slow.waiting.shift()?.();
    await settle();
    expect(applied).toEqual(['one', 'four']);
    expect(slow.waiting).toHaveLength(0);
    await one.stop();
  });

  test('a failure is counted, told, and tried again with back-off; a notice tries at once', async () => {
    backend.fail(new Error('ipset: no'));
    const one = enforcer();
    await one.start(signal);
    one.notify();
    await settle();
    expect(one.health()).toMatchObject({ enforcing: false, failures: 1, lastError: 'ipset: no' });
    await clock.advance(500);
    expect(one.health().failures).toBe(2);
    await clock.advance(999);
    expect(one.health().failures).toBe(2);
    one.notify();
    await settle();
    expect(one.health().failures).toBe(3);
    backend.fail(undefined);
    await clock.advance(2_000);
    expect(applied).toEqual(['one']);
    expect(one.health()).toMatchObject({ enforcing: true, failures: 3, lastError: undefined });
    await one.stop();
  });

  test('drift is noticed on a timer, repaired and counted', async () => {
    const one = enforcer();
    await one.start(signal);
    one.notify();
    await settle();
    backend.disturb();
    expect(backend.blocks('192.168.1.20', '203.0.113.7')).toBe(false);
    await clock.advance(11_000);
    expect(backend.blocks('192.168.1.20', '203.0.113.7')).toBe(true);
    expect(one.health().driftRepairs).toBe(1);
    expect(backend.outcomes.map(({ did }) => did)).toEqual(['resync', 'resync']);
    await one.stop();
  });

  describe('with somebody who tells of changes', () => {
    const told = { monitors: [NFT_MONITOR], butNot: [] };
    const NEWS = 'delete table inet hedgerow\n# new generation 3 by process 1 (nft)\n';
    const watched = async (over: FakeBackend, log = silentLog) => {
      const exec = new ScriptedExec(() => ({}));
      const watch = new DriftWatch({ exec, clock, log, told, isOurs: () => false, comparesEvery: () => 1 });
      const onApplied = (state: string) => void applied.push(state);
      const one = new Enforcer({ backend: over, desired: () => desired, onApplied, clock, log, watch });
      await one.start(signal);
      one.notify();
      await settle();
      const tell = async () => {
        exec.children[0]?.stdout.write(NEWS);
        await settle();
        await clock.advance(20);
      };
      return { one, watch, tell };
    };

    test('what happens between a run that failed and the next one is looked at right after that', async () => {
      const { one, tell } = await watched(backend);
      await clock.advance(600);
      const no = new Error('ipset: no');
      vi.spyOn(backend, 'set').mockRejectedValueOnce(no).mockRejectedValueOnce(no);
      desired = { state: 'two', blockSet: blocked };
      one.notify();
      await settle();
      await clock.advance(500);
      // Nothing counts any more as news of our own changes.
      await clock.advance(600);
      expect(one.health()).toMatchObject({ enforcing: false, failures: 2 });
      // Of two tables one is in doubt, and the other one goes: the next run has nothing to say of that.
      const check = vi.spyOn(backend, 'check');
      await tell();
      expect(check).not.toHaveBeenCalled();
      await clock.advance(500);
      await settle();
      expect(one.health().enforcing).toBe(true);
      expect(check).toHaveBeenCalledTimes(1);
      await clock.advance(2_000);
      expect(check).toHaveBeenCalledTimes(1);
      await one.stop();
    });

    test('drift is put right when it happens, told, and logged once a minute', async () => {
      const warned: unknown[] = [];
      const log = { ...silentLog, warn: (...said: unknown[]) => void warned.push(said[0]) };
      const { one, tell } = await watched(backend, log);
      await clock.advance(600);
      for (let n = 1; n <= 3; n++) {
        backend.disturb();
        await tell();
        expect(backend.blocks('192.168.1.20', '203.0.113.7')).toBe(true);
        expect(one.health().driftRepairs).toBe(n);
        await clock.advance(1_000);
      }
      expect(one.health()).toMatchObject({
        lastDrift: { what: 'jump', secondsAgo: 1 },
        noticing: 'at once (nft monitor)',
      });
      expect(warned).toEqual([{ places: 1, what: 'jump', name: 'HEDGEROW', times: 1 }]);
      await clock.advance(60_000);
      backend.disturb();
      await tell();
      expect(warned.at(-1)).toMatchObject({ times: 3 });
      await one.stop();
    });

    test('as long as process ids say nothing, what comes during a run is taken for its own', async () => {
      const slow = new SlowBackend();
      const { one, tell, watch } = await watched(slow);
      await tell();
      expect(watch.counters).toMatchObject({ changes: 1, foreign: 0 });
      slow.waiting.shift()?.();
      await settle();
      await tell();
      expect(watch.counters).toMatchObject({ changes: 2, foreign: 0 });
      await clock.advance(500);
      await tell();
      expect(watch.counters).toMatchObject({ changes: 3, foreign: 1 });
      await one.stop();
    });

    test('a look that a run made void is repeated', async () => {
      let [looks, release] = [0, () => {}];
      class Interrupted extends FakeBackend {
        override async check(inner: AbortSignal) {
          looks += 1;
          if (looks > 1) return super.check(inner);
          await new Promise<void>((resolve) => {
            release = resolve;
          });
          return [];
        }
      }
      // The check on the timer has nothing to look at before the first run.
      const over = new Interrupted();
      const { one, tell } = await watched(over);
      await clock.advance(600);
      over.disturb();
      await tell();
      expect(looks).toBe(1);
      one.notify();
      await settle();
      over.disturb();
      release();
      await settle();
      expect(looks).toBe(2);
      await one.stop();
    });
  });

  test('a run that hangs is ended by its deadline, or by stopping', async () => {
    const slow = new SlowBackend();
    const one = enforcer(slow);
    await one.start(signal);
    one.notify();
    await settle();
    await clock.advance(60_000);
    expect(one.health().lastError).toBe('no answer within 60 s');
    await clock.advance(500);
    expect(slow.waiting).toHaveLength(2);
    await one.stop();
    expect(applied).toEqual([]);
  });

  describe('counters', () => {
    /** A backend whose reading of counters waits, and that says how often it was asked. */
    class SlowCounters extends FakeBackend {
      asked = 0;
      go: (() => void) | undefined;
      override async counters(inner: AbortSignal): Promise<readonly Counter[]> {
        this.asked += 1;
        await new Promise<void>((resolve, reject) => {
          this.go = resolve;
          inner.addEventListener('abort', () => reject(inner.reason));
        });
        return super.counters(inner);
      }
    }

    test('none before something is in force; then what was dropped', async () => {
      const one = enforcer();
      await one.start(signal);
      expect(await one.counters(signal)).toBe(undefined);
      one.notify();
      await settle();
      backend.blocks('192.168.1.20', '203.0.113.7');
      expect(await one.counters(signal)).toMatchObject([{ remote: '203.0.113.7', packets: 1 }]);
      await one.stop();
    });

    test('also while nothing is blocked but for the router itself', async () => {
      const own = { ...owner('1', [], ['203.0.113.7']), id: ROUTER };
      desired = { state: 'none', blockSet: { ...blockSet([]), own } };
      const one = enforcer();
      await one.start(signal);
      one.notify();
      await settle();
      backend.blocksOwn('203.0.113.7');
      expect(await one.counters(signal)).toMatchObject([
        { owner: ROUTER, remote: '203.0.113.7', packets: 1 },
      ]);
      await one.stop();
    });

    test('while nothing is blocked nobody is asked, also with owners that stand ready', async () => {
      const slow = new SlowCounters();
      desired = { state: 'none', blockSet: blockSet([owner('1', ['192.168.1.20'], [])]) };
      const one = enforcer(slow);
      await one.start(signal);
      one.notify();
      await settle();
      expect(await one.counters(signal)).toEqual([]);
      expect(slow.asked).toBe(0);
      await one.stop();
    });

    test('a run does not wait for a reading: it ends it', async () => {
      const slow = new SlowCounters();
      const one = enforcer(slow);
      await one.start(signal);
      one.notify();
      await settle();
      const reading = one.counters(signal);
      one.notify();
      expect(await one.counters(signal)).toBe(undefined);
      expect(await reading).toBe(undefined);
      expect(applied).toHaveLength(2);
      expect(one.health().failures).toBe(0);
      await one.stop();
    });

    test('a reading has a deadline, and ends with who asked', async () => {
      const slow = new SlowCounters();
      const one = enforcer(slow);
      await one.start(signal);
      one.notify();
      await settle();
      const late = one.counters(signal);
      await Promise.all([expect(late).rejects.toThrow('no answer within 30 s'), clock.advance(30_000)]);
      const stopper = new AbortController();
      const ended = one.counters(stopper.signal);
      stopper.abort(new Error('enough'));
      await expect(ended).rejects.toThrow('enough');
      await one.stop();
    });
  });
});
