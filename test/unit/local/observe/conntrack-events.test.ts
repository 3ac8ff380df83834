import { expect, test } from 'vitest';
import { AddressReader } from '../../../../src/local/observe/address-reader.ts';
import { ConntrackEvents } from '../../../../src/local/observe/conntrack-events.ts';
import { silentLog } from '../../../../src/log.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { fixtureLines } from './fixture.ts';
import { ScriptedExec, settle } from './scripted-exec.ts';

const [NEW = ''] = fixtureLines('conntrack/E2-timestamp-id-extended.txt');

test('a listener that is about to give way when listening ends has no follower; begun anew, begins are heard again', async () => {
  const exec = new ScriptedExec(() => undefined);
  const clock = new FakeClock();
  const events = new ConntrackEvents({
    exec,
    clock,
    log: silentLog,
    addresses: new AddressReader(),
    // The last one before it is enough.
    onEvent: () => {
      if (events.counters.events === 500) stopped = events.stop();
    },
  });
  let stopped: Promise<void> | undefined;
  await events.start(new AbortController().signal);
  await settle();
  exec.child('conntrack -E').stdout.write(`${NEW}\n`.repeat(500));
  await settle();
  await clock.advance(20);
  await settle();
  expect(stopped).toBeDefined();
  await stopped;
  expect(events.counters.beginsLeft).toBe(1);
  expect(exec.children.size).toBe(0);
  expect(exec.calls).toEqual(['conntrack -E -o id -e NEW,DESTROY']);
  await events.start(new AbortController().signal);
  await settle();
  expect(exec.calls).toEqual(new Array(2).fill('conntrack -E -o id -e NEW,DESTROY'));
  for (let n = 0; n < 20; n++) await events.afterReading(new AbortController().signal);
  await settle();
  expect(exec.children.size).toBe(1);
  await events.stop();
  expect(exec.children.size).toBe(0);
  expect(events.restarts).toBe(0);
});
