import { beforeEach, expect, test } from 'vitest';
import { nftSession } from '../../../../../src/local/enforce/nft/session.ts';
import type { ToolSession } from '../../../../../src/local/enforce/tool-session.ts';
import { FakeClock } from '../../../../support/fake-clock.ts';
import { ScriptedExec, settle } from '../scripted-exec.ts';

const { signal } = new AbortController();
let exec: ScriptedExec;
let clock: FakeClock;
let session: ToolSession;
beforeEach(() => {
  exec = new ScriptedExec(() => undefined);
  clock = new FakeClock();
  session = nftSession(exec, clock);
});
const child = (n = 0) => {
  const one = exec.children[n];
  if (one === undefined) throw new Error('no child');
  return one;
};
/** As nft 1.0.6 complains about a line that is no command. */
const ack = (n: number): string =>
  `Error: syntax error, unexpected newline, expecting string\nhedgerow-ack-${n}\n              ^\n`;

test('a transaction is one line, acknowledged by the complaint about the line behind it', async () => {
  const done = session.run(
    ['add element inet hedgerow r4 { 1.2.3.4 }', 'flush chain inet hedgerow out4'],
    signal,
  );
  await settle();
  expect(child().argv).toBe('env HOME=/dev/null nft -i');
  expect(child().heard).toBe(
    'add element inet hedgerow r4 { 1.2.3.4 }; flush chain inet hedgerow out4\nhedgerow-ack-1\n',
  );
  child().stderr.write(ack(1).slice(0, 70));
  child().stderr.write(ack(1).slice(70));
  await done;
  const next = session.run([], signal);
  await settle();
  expect(child().heard).toMatch(/hedgerow-ack-1\nhedgerow-ack-2\n$/);
  child().stderr.write(ack(2));
  await next;
  expect(exec.children).toHaveLength(1);
});

test('what stands before the answer is the error, and the session goes on', async () => {
  const done = session.run(['delete element inet hedgerow p4 { 1.2.3.4 . 5.6.7.8 }'], signal);
  child().stderr.write(
    `Error: Could not process rule: No such file or directory\ndelete element inet hedgerow p4\n         ^^^^\n${ack(1)}`,
  );
  await expect(done).rejects.toMatchObject({
    name: 'TemporaryError',
    message: expect.stringMatching(/^nft failed: Error: Could not process rule: No such file or directory/),
  });
  expect(session.useless).toBe(false);
  const next = session.run([], signal);
  child().stderr.write(ack(2));
  await next;
});

test('a tool without a command line is known by its never answering', async () => {
  expect(session.useless).toBe(false);
  const done = session.run([], signal);
  expect(session.useless).toBe(false);
  child().stderr.write('Error: No CLI support\n');
  child().end(1, 'exit code 1');
  await expect(done).rejects.toThrow('exit code 1');
  expect(session.useless).toBe(true);
});

test('a child that dies fails the transaction and is replaced with the next', async () => {
  const done = session.run([], signal);
  child().end(1, 'signal SIGKILL');
  await expect(done).rejects.toThrow('signal SIGKILL');
  const next = session.run([], signal);
  child(0).stderr.write(ack(2));
  await settle();
  child(1).stderr.write(ack(2));
  await next;
});

test('rubbish instead of an answer ends at the deadline', async () => {
  const done = expect(session.run([], signal)).rejects.toThrow('no answer');
  for (let n = 0; n < 100; n++) child().stderr.write(`rubbish ${'x'.repeat(1_000)} hedgerow-ack-7\n^\n`);
  await settle();
  await expect(session.run([], signal)).rejects.toThrow('busy');
  await clock.advance(10_000);
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
