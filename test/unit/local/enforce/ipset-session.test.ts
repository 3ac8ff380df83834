import { beforeEach, expect, test } from 'vitest';
import { ipsetSession } from '../../../../src/local/enforce/ipset-session.ts';
import type { ToolSession } from '../../../../src/local/enforce/tool-session.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { ScriptedChild, ScriptedExec, settle } from './scripted-exec.ts';

const { signal } = new AbortController();
let exec: ScriptedExec;
let clock: FakeClock;
let session: ToolSession;
beforeEach(() => {
  exec = new ScriptedExec(() => undefined);
  clock = new FakeClock();
  session = ipsetSession(exec, clock);
});
const child = (n = 0) => {
  const one = exec.children[n];
  if (one === undefined) throw new Error('no child');
  return one;
};

test('a batch is acknowledged by the answer to the test that ends it', async () => {
  const done = session.run(['add hedge-r0-4 203.0.113.7'], signal);
  await settle();
  expect(child().argv).toBe('ipset -');
  expect(child().heard).toBe(
    'add hedge-r0-4 203.0.113.7\ncreate -exist hedge-ack hash:ip\ntest hedge-ack 10.0.0.1\n',
  );
  child().stderr.write('10.0.0.1 is NOT in ');
  child().stderr.write('set hedge-ack.\n');
  await done;
  const next = session.run([], signal);
  await settle();
  expect(child().heard).toContain('test hedge-ack 10.0.0.2\n');
  child().stderr.write('10.0.0.2 is NOT in set hedge-ack.\n');
  await next;
  expect(exec.children).toHaveLength(1);
});

test('what stands before the answer is the error', async () => {
  const done = session.run(['add nope 203.0.113.7'], signal);
  child().stderr.write(
    'ipset v7.17: The set with the given name does not exist\n10.0.0.1 is NOT in set hedge-ack.\n',
  );
  await expect(done).rejects.toMatchObject({
    name: 'TemporaryError',
    message: 'ipset failed: ipset v7.17: The set with the given name does not exist',
  });
});

test('a child that dies fails the batch and is replaced with the next', async () => {
  const done = session.run([], signal);
  child().end(1, 'signal SIGKILL');
  await expect(done).rejects.toThrow('signal SIGKILL');
  const next = session.run([], signal);
  child(0).stderr.write('10.0.0.2 is NOT in set hedge-ack.\n');
  await settle();
  child(1).stderr.write('10.0.0.2 is NOT in set hedge-ack.\n');
  await next;
});

test('no answer ends the child at the deadline, which grows with the lines', async () => {
  const done = expect(session.run(Array(5_000).fill('add hedge-r0-4 203.0.113.7'), signal)).rejects.toThrow(
    'no answer',
  );
  await clock.advance(14_900);
  await expect(session.run([], signal)).rejects.toThrow('busy');
  await clock.advance(200);
  await done;
  expect((await child().exited).why).toBe('aborted');
});

test('an abort ends the child: nobody knows what it has done', async () => {
  const stopper = new AbortController();
  const done = expect(session.run([], stopper.signal)).rejects.toThrow('interrupted');
  stopper.abort();
  await done;
  expect((await child().exited).why).toBe('aborted');
  await session.stop();
  await session.stop();
});

test('a child that was given up has ended before that is told: its last line overtakes nothing', async () => {
  const lingering = new ScriptedChild('ipset -');
  exec.open = () => lingering;
  let told = false;
  const done = session.run([], signal).catch(() => {
    told = true;
  });
  await clock.advance(10_100);
  await settle();
  expect(told).toBe(false);
  lingering.end(-1, 'signal SIGTERM');
  await done;
  expect(told).toBe(true);
});
