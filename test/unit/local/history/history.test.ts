import { describe, expect, it } from 'vitest';
import type { Sighting } from '../../../../src/local/flows/flow.ts';
import { HOUR } from '../../../../src/local/history/hour-clock.ts';
import { InterfaceTotals } from '../../../../src/local/history/interface-totals.ts';
import { amounts, nodeId, SeenHome } from '../../../support/seen-home.ts';
import { ScriptedExec } from '../observe/scripted-exec.ts';

const TV = nodeId(1);
const PHONE = nodeId(2);
const ADS = nodeId(10);

function news(
  device: string,
  other: string,
  up: number,
  down: number,
  more: Partial<Sighting> = {},
): Sighting {
  return {
    device,
    other,
    otherIsDevice: false,
    protocol: 6,
    port: 443,
    up: { packets: 1, bytes: up },
    down: { packets: 2, bytes: down },
    entries: 1,
    offloaded: false,
    ...more,
  };
}

describe('the history', { timeout: 60_000 }, () => {
  it('adds up by device, remote, pair, hour and day, of everybody or of one', async () => {
    const home = new SeenHome();
    await home.start();
    home.history.sees(news(TV, ADS, 100, 1_000));
    home.history.sees(news(TV, PHONE, 7, 9, { otherIsDevice: true }));
    await home.clock.advance(HOUR);
    home.history.sees(news(PHONE, ADS, 10, 20, { entries: 0 }));
    home.history.drops({ device: PHONE, other: 'internet', otherIsDevice: false, packets: 3, bytes: 180 });
    const by = async (what: 'device' | 'remote' | 'pair' | 'hour' | 'day', only?: string) => {
      const { rows } = await home.read({ by: what, only: only === undefined ? undefined : new Set([only]) });
      return Object.fromEntries(
        rows.map((row) => [`${row.device ?? row.other ?? row.at}`, [row.up.bytes, row.down.bytes]]),
      );
    };
    expect(await by('device')).toEqual({ [TV]: [107, 1_009], [PHONE]: [19, 27] });
    expect(await by('remote')).toEqual({ [ADS]: [110, 1_020], [PHONE]: [7, 9], internet: [0, 0] });
    const hour = Date.UTC(2026, 10, 21, 12) / HOUR;
    expect(await by('hour')).toEqual({ [hour]: [107, 1_009], [hour + 1]: [10, 20] });
    expect(await by('day')).toEqual({ [Math.floor(hour / 24)]: [117, 1_029] });
    expect(await by('hour', PHONE)).toEqual({ [hour]: [9, 7], [hour + 1]: [10, 20] });
    const { total } = await home.read();
    expect(amounts(total)).toEqual([117, 1_029, 3, 6, 2, 3, 180]);
    await home.history.stop();
  });

  it('tells what it left out, and what it knew a node by', async () => {
    const home = new SeenHome();
    await home.start();
    for (let i = 0; i < 9; i++) home.history.sees(news(TV, nodeId(20 + i), i, i));
    await home.restart();
    const summary = await home.read({ top: 2, without: new Set([nodeId(28)]) });
    expect(summary.rows.map(({ other }) => other)).toEqual([nodeId(27), nodeId(26)]);
    expect(summary.more).toBe(6);
    expect(summary.texts.get(nodeId(27))).toBe('text of 27');
    expect(summary.unsure).toBe(false);
    await home.history.stop();
  });

  it('keeps totals and the bytes of a day per device over restarts', async () => {
    const home = new SeenHome();
    await home.start();
    const first = home.history.hour().hour;
    home.history.sees(news(TV, ADS, 100, 1_000));
    await home.clock.advance(2 * HOUR);
    home.history.sees(news(TV, ADS, 1, 2));
    for (const end of ['restart', 'restart', 'crash'] as const) {
      await home[end]();
      expect(home.history.total(TV)).toMatchObject({
        up: { bytes: 101, packets: 2 },
        down: { bytes: 1_002 },
      });
      expect(home.history.bytesSince(TV, first)).toEqual({ up: 101, down: 1_002 });
      expect(home.history.bytesSince(TV, first + 1)).toEqual({ up: 1, down: 2 });
      expect(home.history.bytesSince(PHONE, first)).toBeUndefined();
    }
    await home.history.stop();
  });

  it('puts what was seen before the clock was right under the right hour, once it is', async () => {
    const home = new SeenHome();
    home.trusted = false;
    home.clock.setWall(0);
    await home.start();
    home.history.sees(news(TV, ADS, 1, 1));
    await home.clock.advance(60_000);
    home.clock.setWall(Date.UTC(2026, 10, 21, 12));
    home.trusted = true;
    await home.clock.advance(60_000);
    const right = Date.UTC(2026, 10, 21, 12) / HOUR;
    expect((await home.read({ by: 'hour' })).rows.map(({ at }) => at)).toEqual([right]);
    // A jump backwards, and nobody to tell: hours go on as they were.
    home.trusted = false;
    home.clock.setWall(0);
    await home.clock.advance(2 * HOUR);
    home.history.sees(news(TV, ADS, 1, 1));
    expect(home.history.hour()).toEqual({ hour: right + 2, sure: true });
    // And after a restart with a clock that knows nothing: as if the router had not been off, and marked.
    await home.restart();
    expect(home.history.hour()).toEqual({ hour: right + 2, sure: false });
    home.history.sees(news(TV, ADS, 1, 1));
    expect((await home.read({ by: 'hour' })).unsure).toBe(true);
    await home.history.stop();
  });

  it('keeps everything while a trusted clock is wrong for hours', async () => {
    const home = new SeenHome({ days: 1 });
    await home.start();
    home.history.sees(news(TV, ADS, 5, 5));
    await home.clock.advance(HOUR);
    home.clock.setWall(Date.UTC(2040, 0, 1));
    home.history.sees(news(TV, ADS, 6, 6));
    await home.clock.advance(5 * HOUR);
    home.clock.setWall(Date.UTC(2026, 10, 21, 19));
    home.history.sees(news(TV, ADS, 7, 7));
    await home.clock.advance(5 * HOUR);
    await home.restart();
    expect((await home.read()).total.up.bytes).toBe(18);
    expect(home.history.total(TV)?.up.bytes).toBe(18);
    await home.history.stop();
  });

  it('makes days of old hours, gives up the oldest days, and what is too much', async () => {
    const home = new SeenHome({ days: 1 });
    await home.start();
    let seen = 0;
    for (let n = 0; n < 14; n++) {
      home.history.sees(news(TV, ADS, 1, 0));
      seen += 1;
      // A clock that is set forward has to be right for a while before it says what is old.
      home.clock.setWall(home.clock.now() + 15 * HOUR);
      await home.clock.advance(9 * HOUR);
    }
    const days = [...home.files.keys()].filter((name) => name.endsWith('-d'));
    expect(days.length).toBeGreaterThan(6);
    expect(days.length).toBeLessThanOrEqual(9);
    const { total, from } = await home.read();
    expect(total.up.bytes).toBeLessThan(seen);
    expect(total.up.bytes).toBeGreaterThanOrEqual(days.length + 1);
    expect(from).toBeGreaterThan(Date.UTC(2026, 10, 22) / HOUR);
    // Totals go on all the same.
    expect(home.history.total(TV)?.up.bytes).toBe(seen);
    await home.history.stop();
  });

  it('stays under a cap on disk', async () => {
    const home = new SeenHome({ maxBytes: 30_000 });
    await home.start();
    for (let n = 0; n < 12; n++) {
      for (let i = 0; i < 300; i++) home.history.sees(news(nodeId(i % 5), nodeId(1_000 * n + i), 1, 1));
      home.clock.setWall(home.clock.now() + 23 * HOUR);
      await home.clock.advance(2 * HOUR);
    }
    const kept = [...home.files.values()].reduce((sum, { length }) => sum + length, 0);
    expect(kept).toBeLessThan(45_000);
    expect(home.history.health().counters.forRoom).toBeGreaterThan(0);
    await home.history.stop();
  });

  it('keeps nothing when it is off, and drops what was kept', async () => {
    const home = new SeenHome();
    await home.start();
    home.history.sees(news(TV, ADS, 1, 1));
    await home.restart();
    await home.history.stop();
    expect(home.files.size).toBe(1);
    const off = new SeenHome({ days: 0 });
    for (const [name, value] of home.files) off.files.set(name, value);
    await off.start();
    off.history.sees(news(TV, ADS, 1, 1));
    await off.flush();
    await off.history.stop();
    expect(off.files.size).toBe(0);
  });

  it('counts interfaces beside the flows', async () => {
    const counters = { rx: 1_000, tx: 50 };
    const read = new InterfaceTotals(
      new ScriptedExec(() => ({ stdout: `${counters.rx}\n${counters.tx}\n${counters.rx / 10}\n5\n` })),
    );
    const home = new SeenHome({ interfaces: () => read.read(['br-lan']) });
    await home.start();
    await home.flush();
    counters.rx += 500;
    await home.flush();
    // It was made anew, and began at zero.
    counters.rx = 70;
    await home.flush();
    expect((await home.read()).interfaces).toEqual([
      { name: 'br-lan', receivedBytes: 570, sentBytes: 0, receivedPackets: 57, sentPackets: 0 },
    ]);
    await home.history.stop();
  });
});
