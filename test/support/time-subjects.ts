import { Timekeeper } from '../../src/local/timekeeper.ts';
import { silentLog } from '../../src/log.ts';
import type { Live } from '../../src/policy/contents.ts';
import type { Record, Terms } from '../../src/policy/records.ts';
import type { forceOf } from '../../src/policy/terms.ts';
import { type TimeSubject, WRITTEN } from '../property/time-laws.ts';
import { FakeClock } from './fake-clock.ts';
import { key, replica, run } from './household.ts';

/** A live record of a peer (key 0 or another), from a replica of its own. */
export function liveRecord(record: Record, author = 0): Live {
  const home = replica();
  if (author !== 0) {
    const add: Record[] = [{ kind: 'admit', peer: key(author).peer, admin: false }];
    home.author(key(0), run(1), { at: 1, by: 'test', over: [], add });
  }
  const op = home.author(key(author), run(2), { at: 1, by: 'test', over: [], add: [record] });
  const live = home.live.get(`${op.id}/0`);
  if (live === undefined) throw new RangeError('a new record is live');
  return live;
}

export function timedBlock(terms: Terms): Record {
  return { kind: 'block', a: { kind: 'home' }, b: { kind: 'internet' }, terms, apart: [] };
}

/** The rule alone: a clock that is looked at after every step, and a count that loses up to a minute at a restart. */
export async function bareSubject(force: typeof forceOf, terms: Terms): Promise<TimeSubject> {
  let [wall, trusted, elapsedS, ended] = [WRITTEN, false, 0, false];
  const now = () => force('block', terms, { wall, trusted, elapsedS });
  const look = async () => {
    ended ||= now().ended;
  };
  return {
    run: (ms) => {
      wall += ms;
      elapsedS += ms / 1000;
      return look();
    },
    suspend: (ms) => {
      wall += ms;
      return look();
    },
    restart: (ms) => {
      wall += ms;
      elapsedS = Math.max(0, Math.floor(elapsedS - 59));
      return look();
    },
    setWall: (ms) => {
      wall = ms;
      return look();
    },
    setTrusted: (to) => {
      trusted = to;
      return look();
    },
    inForce: () => now().inForce,
    ended: () => ended,
  };
}

/** The timekeeper of the record's own author, with a clock that tests set. */
export async function timekeeperSubject(terms: Terms): Promise<TimeSubject> {
  const clock = new FakeClock(WRITTEN);
  const live = liveRecord(timedBlock(terms));
  const disk: { text?: string } = {};
  const trust = { trusted: false, jumped: () => undefined };
  let ended = false;
  const make = async () => {
    const keeper = new Timekeeper({
      clock,
      log: silentLog,
      live: () => [live],
      trust,
      load: () => disk.text,
      save: (text) => {
        disk.text = text;
      },
      onChange: () => undefined,
      retire: () => {
        ended = true;
      },
      self: key(0).peer,
    });
    await keeper.start();
    return keeper;
  };
  let keeper = await make();
  return {
    run: (ms) => clock.advance(ms),
    suspend: async (ms) => clock.setWall(clock.now() + ms),
    restart: async (ms) => {
      // As after a crash: what the last minute counted is lost.
      const { text } = disk;
      await keeper.stop();
      if (text === undefined) delete disk.text;
      else disk.text = text;
      clock.setWall(clock.now() + ms);
      keeper = await make();
    },
    setWall: async (ms) => clock.setWall(ms),
    setTrusted: async (trusted) => {
      trust.trusted = trusted;
      keeper.noticed();
    },
    inForce: () => keeper.inForce(live) && keeper.force(live).inForce,
    ended: () => ended,
  };
}
