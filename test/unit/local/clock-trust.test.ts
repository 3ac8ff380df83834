import { describe, expect, it } from 'vitest';
import { UnavailableError } from '../../../src/errors.ts';
import {
  buildDate,
  ClockTrust,
  readAdjtimex,
  readChrony,
  readTimedatectl,
} from '../../../src/local/clock-trust.ts';
import type { Exec, Finished } from '../../../src/local/exec.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const BUILT = Date.UTC(2026, 0, 1);
const NOW = Date.UTC(2026, 10, 21);

interface World {
  file: boolean;
  /** What the tools of this router say; those that are left out are not installed. */
  tools: { [tool: string]: string };
  /** So far the clocks of the others are ahead, milliseconds; of `sure` those that trust them. */
  peers: number[];
  sure: number[];
}

function make(world: Partial<World> = {}, mode: 'auto' | 'always' | 'never' = 'auto', wall = NOW) {
  const clock = new FakeClock(wall);
  const around: World = { file: false, tools: {}, peers: [], sure: [], ...world };
  const asked: string[] = [];
  const heard: boolean[] = [];
  const exec: Exec = {
    async run([tool = '']): Promise<Finished> {
      asked.push(tool);
      const stdout = around.tools[tool];
      if (stdout === undefined) throw new UnavailableError(`${tool} is not installed`);
      return { code: 0, stdout, stderr: '' };
    },
    open: () => {
      throw new RangeError('nothing is opened');
    },
  };
  const trust = new ClockTrust({
    clock,
    exec,
    mode,
    builtAt: BUILT,
    peerClocks: () => [
      ...around.peers.map((offsetMs) => ({ offsetMs, trusted: false })),
      ...around.sure.map((offsetMs) => ({ offsetMs, trusted: true })),
    ],
    onChange: ({ trusted }) => void heard.push(trusted),
    exists: () => around.file,
  });
  const start = async () => {
    await trust.start(new AbortController().signal);
    await clock.advance(0);
  };
  return { clock, around, asked, heard, trust, start };
}

const ADJTIMEX = (value: string) =>
  `    mode:         0\n    time.tv_usec: 352032\n    return value: ${value}\n`;
const CHRONY = (first: string, leap: string) =>
  `${first},ntp.example,3,1795274476.1,0.0,0.0,0.0,0.0,0.0,0.0,0.0,64.0,${leap}\n`;
const MINUTES = 60_000;
const YEAR = 365 * 86_400_000;

describe('the trust in the own clock', () => {
  it.each<[string, Partial<World>, boolean, string]>([
    ['systemd-timesyncd has set it', { file: true }, true, 'systemd-timesyncd says that it is synchronised'],
    ['timedatectl', { tools: { timedatectl: 'yes\n' } }, true, 'timedatectl says'],
    [
      'chrony',
      { tools: { timedatectl: 'no\n', chronyc: CHRONY('C0A80101', 'Normal') } },
      true,
      'chrony says',
    ],
    ['the kernel', { tools: { busybox: ADJTIMEX('0 (clock synchronized)') } }, true, 'the kernel says'],
    [
      'nobody',
      { tools: { busybox: ADJTIMEX('5 (clock not synchronized)') } },
      false,
      'no other router can be asked',
    ],
    ['no tools at all', {}, false, 'it is not synchronised'],
    ['the only other router', { peers: [200_000] }, true, '1 of 1 other routers agree'],
    ['most routers', { peers: [1, -299_000, 9e9] }, true, '2 of 3 other routers agree'],
    ['those in 1970 have no say', { peers: [1, -NOW, 60_000 - NOW] }, true, '1 of 1 other routers agree'],
    ['nobody but one in 1970', { peers: [-NOW] }, false, 'no other router can be asked'],
    ['two of three, one of them ours', { peers: [1, YEAR] }, true, 'none that differs trusts its own'],
    ['the third of them', { peers: [YEAR, YEAR] }, false, 'only 0 of 2 other routers agree'],
    ['one in 1970 that trusts it', { peers: [1], sure: [-NOW] }, true, '1 of 1 other routers agree'],
    ['a sure one against most others', { peers: [1, 2], sure: [YEAR] }, true, '2 of 3 other routers agree'],
    ['half of four are not most', { peers: [1, YEAR, YEAR] }, false, 'only 1 of 3 other routers agree'],
    ['a home of two that differ', { peers: [YEAR] }, false, 'only 0 of 1'],
    ['three of five', { peers: [1, 2, YEAR, 2 * YEAR] }, true, '2 of 4 other routers agree'],
    ['five minutes are too much', { peers: [300_001] }, false, 'only 0 of 1'],
  ])('%s', async (_, world, trusted, why) => {
    const { trust, start } = make(world);
    expect(trust.trusted).toBe(false);
    await start();
    expect(trust.state).toEqual({ trusted, why: expect.stringContaining(why) });
    await trust.stop();
  });

  it('is not given to two of three against one that trusts its own, and that one takes it from nobody else', async () => {
    for (const [peers, trusted] of [
      [[1], false],
      [[1, 2], true],
    ] as const) {
      const { trust, start } = make({ peers: [...peers], sure: [3 * 3_600_000] });
      await start();
      expect(trust.state.trusted).toBe(trusted);
      expect(trust.state.why.includes('one that differs trusts its own')).toBe(!trusted);
      await trust.stop();
    }
  });

  it('is not given to a clock from before the build, whoever says so', async () => {
    const { trust, start } = make({ file: true, peers: [0, 0] }, 'auto', BUILT - 1);
    await start();
    expect(trust.state).toEqual({ trusted: false, why: expect.stringContaining('before 2026-01-01') });
    await trust.stop();
  });

  it.each(['always', 'never'] as const)('is %s given when the configuration says so', async (mode) => {
    const { trust, start, asked } = make({ file: mode === 'never' }, mode, 0);
    await start();
    trust.jumped();
    expect(trust.state).toEqual({ trusted: mode === 'always', why: expect.stringContaining(mode) });
    expect(asked).toEqual([]);
    await trust.stop();
  });

  it('is asked for every minute and tells when it changes', async () => {
    const { trust, start, clock, around, heard } = make();
    await start();
    expect(heard).toEqual([]);
    around.file = true;
    await clock.advance(2 * MINUTES);
    expect(heard).toEqual([true]);
    around.file = false;
    await clock.advance(2 * MINUTES);
    expect(heard).toEqual([true, false]);
    await trust.stop();
    around.file = true;
    await clock.advance(5 * MINUTES);
    expect(heard).toEqual([true, false]);
  });

  it('follows the other routers as they come and go', async () => {
    const { trust, start, around, heard } = make();
    around.peers = [0];
    trust.noticed();
    expect(heard, 'the system was not asked yet').toEqual([]);
    around.peers = [];
    await start();
    around.peers = [0];
    trust.noticed();
    expect(heard).toEqual([true]);
    await trust.stop();
  });

  it('is lost when the clock jumps, until the system was asked again', async () => {
    const { trust, start, clock, heard } = make({ file: true });
    await start();
    trust.jumped();
    expect(trust.state).toEqual({ trusted: false, why: 'the clock has just jumped' });
    await clock.advance(0);
    expect(trust.trusted).toBe(true);
    expect(heard).toEqual([true, false, true]);
    await trust.stop();
  });

  it('knows a build date that makes sense', () => {
    expect(buildDate).toBeGreaterThanOrEqual(Date.UTC(2025, 0, 1));
  });
});

describe('what the tools say', () => {
  it.each([
    [readTimedatectl, 'yes\n', true],
    [readTimedatectl, 'no\n', false],
    [readTimedatectl, 'System has not been booted with systemd', undefined],
    [readChrony, CHRONY('C0A80101', 'Insert second'), true],
    [readChrony, CHRONY('00000000', 'Not synchronised'), false],
    [readChrony, CHRONY('7F7F0101', 'Normal'), false],
    [readChrony, '506 Cannot talk to daemon\n', undefined],
    [readAdjtimex, ADJTIMEX('0 (clock synchronized)'), true],
    [readAdjtimex, ADJTIMEX('1 (insert leap second)'), true],
    [readAdjtimex, ADJTIMEX('5 (clock not synchronized)'), false],
    [readAdjtimex, 'adjtimex: applet not found', undefined],
  ])('%o %j', (read, text, answer) => expect(read(text)).toBe(answer));
});
