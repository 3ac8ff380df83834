import { type Clock, systemBootTime } from './clock.ts';
import type { Change } from './control/author.ts';
import { messageOf } from './errors.ts';
import { ClockTrust, type ClockTrustOptions } from './local/clock-trust.ts';
import { Timekeeper } from './local/timekeeper.ts';
import type { Log } from './log.ts';
import type { PeerKey } from './policy/crypto.ts';
import type { Replica } from './policy/replica.ts';
import type { Store } from './store/store.ts';

export interface TimingOptions extends Pick<ClockTrustOptions, 'exec' | 'mode' | 'peerClocks'> {
  readonly clock: Clock;
  readonly log: Log;
  readonly replica: Replica;
  readonly store: Store;
  readonly self: PeerKey;
  /** Something began or ended being in force. */
  readonly onChange: () => void;
  readonly write: (change: Change) => Promise<unknown>;
}

/** Under this name the store keeps how long timed policies have been counted. */
const COUNTS = 'counts';

/** Whether this router knows what time it is, and which timed policies are in force. */
export function timing(options: TimingOptions): {
  readonly trust: ClockTrust;
  readonly timekeeper: Timekeeper;
} {
  const { clock, log, replica, store, write } = options;
  const trust = new ClockTrust({ ...options, onChange: () => timekeeper.noticed() });
  const timekeeper = new Timekeeper({
    clock,
    log,
    live: () => replica.live.values(),
    trust,
    load: () => Buffer.from(store.note(COUNTS) ?? []).toString(),
    save: (text) => store.putNote(COUNTS, Buffer.from(text)),
    onChange: options.onChange,
    retire: (ids, why) => {
      log.debug({ policies: ids.length, why }, 'policies have ended');
      write({ by: 'clock', over: ids, automatic: true }).catch((error: unknown) => {
        log.warn({ error: messageOf(error) }, 'what has ended could not be retired; trying again later');
      });
    },
    self: options.self,
    bootTime: systemBootTime,
  });
  return { trust, timekeeper };
}
