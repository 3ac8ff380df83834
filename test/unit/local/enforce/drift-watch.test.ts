import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import {
  alsoOfNft,
  DriftWatch,
  NFT_MONITOR,
  type Told,
  XTABLES_MONITOR,
} from '../../../../src/local/enforce/drift-watch.ts';
import { silentLog } from '../../../../src/log.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { ScriptedExec, settle } from './scripted-exec.ts';

const OURS = 4711;
const NFT: Told = { monitors: [NFT_MONITOR], butNot: [] };
const EITHER: Told = { monitors: [XTABLES_MONITOR, NFT_MONITOR], butNot: ['the contents of sets'] };

let clock: FakeClock;
let stopper: AbortController;
let looks: number;
let changing: boolean;
let every: number;
beforeEach(() => {
  clock = new FakeClock();
  stopper = new AbortController();
  [looks, changing, every] = [0, false, 1];
});

async function listen(told: Told, installed: (argv: string) => boolean = () => true) {
  const exec = new ScriptedExec((argv) => (installed(argv) ? {} : undefined));
  const isOurs = (pid: number): boolean => pid === OURS;
  const watch = new DriftWatch({ exec, clock, log: silentLog, told, isOurs, comparesEvery: () => every });
  watch.start(stopper.signal, {
    look: async () => {
      looks += 1;
    },
    changing: () => changing,
  });
  await settle();
  const say = async (...lines: string[]): Promise<void> => {
    exec.children.at(-1)?.stdout.write(lines.map((line) => `${line}\n`).join(''));
    await settle();
    await clock.advance(20);
  };
  return { watch, exec, say };
}
const by = (pid: number): string => `# new generation 7 by process ${pid} (nft)`;

describe('what nft monitor says', () => {
  test.each([
    ['delete table inet hedgerow', 1],
    ['delete rule inet hedgerow out4 handle 12', 1],
    ['add element inet hedgerow p4 { 192.0.2.1 . 192.0.2.2 }', 1],
    ['add element bridge hedgerow p4 { 192.0.2.1 . 192.0.2.2 }', 1],
    ['delete table inet hedgerow_next', 1],
    ['insert rule ip mangle FORWARD counter packets 0 bytes 0 accept', 1],
    ['delete rule ip6 mangle FORWARD handle 2', 1],
    ['add element inet fw4 hedgerow { 192.0.2.1 }', 0],
    ['add rule inet hedgerowing out4 accept', 0],
    ['add rule ip filter FORWARD counter accept comment " ip mangle "', 0],
    ['add table inet hedgerow_probe', 0],
  ])('%s by somebody else: %i looks', async (line, wanted) => {
    const { say, watch } = await listen(NFT);
    expect(watch.noticing).toBe('at once (nft monitor)');
    await say(line, by(1));
    expect(looks).toBe(wanted);
    await say(line, by(OURS));
    await clock.advance(2_000);
    expect(looks).toBe(wanted);
    await watch.stop();
  });

  test('lost news is looked after, and so is what happened while nobody listened', async () => {
    const { say, exec, watch } = await listen(NFT);
    await say('# ERROR: We lost some netlink events!');
    expect(looks).toBe(1);
    exec.children[0]?.end(1, 'exit code 1');
    await settle();
    expect(watch.noticing).toBe('within 10 s (nft monitor does not run: unknown)');
    await clock.advance(5_000);
    expect(exec.children).toHaveLength(2);
    expect(looks).toBe(2);
    await watch.stop();
  });

  test('a flood costs one look a second', async () => {
    const { say, watch } = await listen(NFT);
    for (let n = 0; n < 150; n++) await say('delete table inet hedgerow', by(1));
    await clock.advance(2_000);
    expect(looks).toBeGreaterThan(2);
    expect(looks).toBeLessThan(6);
    expect(watch.counters).toMatchObject({ changes: 150, foreign: 150, looks });
    await watch.stop();
  });

  test('where process ids are never ours, what comes during a change of our own is taken for it', async () => {
    const { say, watch } = await listen(NFT);
    changing = true;
    await say('delete table inet hedgerow', by(1));
    expect(looks).toBe(0);
    await say('add table inet hedgerow', by(OURS));
    await say('delete table inet hedgerow', by(1));
    expect(looks).toBe(1);
    await watch.stop();
  });

  test('rubbish is read, and none of it is news unless it says so', async () => {
    const { exec, watch } = await listen(NFT);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 5 }), async (chunks) => {
        for (const chunk of chunks) exec.children[0]?.stdout.write(chunk);
        exec.children[0]?.stdout.write('\n');
        await settle();
        await clock.advance(20);
      }),
      { numRuns: 50 },
    );
    expect(looks).toBe(0);
    await watch.stop();
  });
});

describe('what xtables-monitor says', () => {
  const gen = (pid: number): string => `NEWGEN: GENID=5 PID=${pid} NAME=iptables-nft-re`;
  test.each([
    [' EVENT: -4 -t mangle -D FORWARD -j HEDGEROW', 1],
    [' EVENT: nft: DEL table: table mangle ip flags 0 use 0 handle 2', 1],
    [' EVENT: -6 -t mangle -X HR-L', 1],
    [' EVENT: -4 -t nat -A POSTROUTING -j MASQUERADE', 0],
    [' EVENT: # nft: inet fw4 f use 0', 0],
  ])('%s by somebody else: %i looks', async (line, wanted) => {
    const { say, watch } = await listen(EITHER);
    expect(watch.noticing).toBe('at once (xtables-monitor), the contents of sets within 10 s');
    await say(line, gen(1));
    expect(looks).toBe(wanted);
    await say(line, gen(OURS));
    await clock.advance(2_000);
    expect(looks).toBe(wanted);
    await watch.stop();
  });
});

test('where there are so many elements that not every look compares them, it is said', async () => {
  const listened = async (told: Told, installed?: (argv: string) => boolean) => {
    const { watch } = await listen(told, installed);
    const said = [1, 6, 60].map((n) => {
      every = n;
      return watch.noticing;
    });
    await watch.stop();
    return said;
  };
  expect(await listened(alsoOfNft({ monitors: [], butNot: ['the contents of sets'] }))).toEqual([
    'at once (nft monitor), iptables and the contents of sets within 10 s',
    'at once (nft monitor), iptables within 10 s, the contents of sets within 60 s',
    'at once (nft monitor), iptables within 10 s, the contents of sets within 10 min',
  ]);
  expect(await listened(alsoOfNft(EITHER))).toContain(
    'at once (nft monitor), the contents of sets within 60 s',
  );
  expect(await listened(NFT)).toEqual(Array(3).fill('at once (nft monitor)'));
  expect(await listened(NFT, () => false)).toEqual([
    'within 10 s (there is no nft monitor)',
    'within 10 s, the contents of sets within 60 s (there is no nft monitor)',
    'within 10 s, the contents of sets within 10 min (there is no nft monitor)',
  ]);
});

describe('which monitor', () => {
  test('the next one where the first is not installed', async () => {
    const { watch, exec } = await listen(EITHER, (argv) => !argv.startsWith('stdbuf'));
    expect(watch.noticing).toContain('at once (nft monitor)');
    expect(exec.children.map(({ argv }) => argv)).toEqual(['nft monitor']);
    await watch.stop();
    await watch.stop();
  });

  test('none, and said why', async () => {
    const { watch } = await listen(EITHER, () => false);
    expect(watch.noticing).toBe('within 10 s (there is no xtables-monitor and no nft monitor)');
    await watch.stop();
    const silent = await listen({ monitors: [], butNot: [] });
    expect(silent.watch.noticing).toBe('within 10 s (the kernel tells nobody)');
    await silent.watch.stop();
  });
});
