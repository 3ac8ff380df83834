import type { Connection, Stream } from '@libp2p/interface';
import { expect, it } from 'vitest';
import { silentLog } from '../../../../src/log.ts';
import { Counters } from '../../../../src/p2p/counters.ts';
import { Floods } from '../../../../src/p2p/floods.ts';
import type { Overlay } from '../../../../src/p2p/overlay.ts';
import { Sync } from '../../../../src/p2p/sync/sync.ts';
import { SyncProgress } from '../../../../src/p2p/sync/sync-progress.ts';
import { House } from '../../../p2p/house.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

const PEER = 'f'.repeat(64);

it('begins anew at once on a connection that replaces another, leaves it to the dialler, and asks nobody who is but late', async () => {
  const clock = new FakeClock();
  const router = new House().router();
  const opened: AbortSignal[] = [];
  const overlay: Pick<Overlay, 'handle' | 'open' | 'connections'> = {
    handle: async () => undefined,
    connections: () => [],
    open: (_peer, _protocol, signal) => {
      opened.push(signal);
      return new Promise<Stream>((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason));
      });
    },
  };
  const counters = new Counters();
  let late = false;
  const sync = new Sync({
    ...{ clock, log: silentLog, counters, self: router.key.peer },
    overlay: overlay as Overlay,
    replica: router.replica,
    registers: router.registers,
    floods: new Floods({ clock, log: silentLog, counters }),
    progress: new SyncProgress(clock),
    trusted: () => true,
    equal: () => false,
    late: () => late,
    onBatch: undefined,
    onDone: () => undefined,
  });
  const life = new AbortController();
  await sync.start(life.signal);
  const connection = (direction: string) => ({ direction }) as Connection;
  sync.opened(PEER, connection('outbound'));
  sync.opened(PEER, connection('outbound'));
  expect(opened.map((signal) => signal.aborted)).toEqual([true, false]);
  // The dialler of this one is the other side.
  sync.opened(PEER, connection('inbound'));
  expect(opened.map((signal) => signal.aborted)).toEqual([true, true]);
  await clock.advance(0);
  late = true;
  sync.differs(PEER);
  await clock.advance(1_000);
  expect(opened).toHaveLength(2);
  late = false;
  sync.differs(PEER);
  await clock.advance(250);
  expect(opened.map((signal) => signal.aborted)).toEqual([true, true, false]);
  life.abort();
  await sync.stop();
});
